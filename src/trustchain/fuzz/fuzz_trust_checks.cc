// What checks of challenges read is taken or refused, and what was taken keeps its promises. The
// first byte says what the rest is.
#include <i2/base/assert.h>

#include "checks/names.h"
#include "checks/records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::trustchain::checks;
  if (size == 0) {
    return 0;
  }
  const i2::ByteView input(data + 1, size - 1);
  const std::string_view text = i2::as_text(input);
  switch (data[0] % 4) {
    case 0:
      if (const auto hosts = parse_hosts(text)) {
        for (const auto& [name, addresses] : *hosts) {
          I2_ASSERT(is_host_name(name) && !addresses.empty());
          for (const auto& address : addresses) {
            I2_ASSERT(is_unicast_address(address) && address.port == 0);
          }
        }
      }
      break;
    case 1: {
      const Url base{.tls = true, .host = "a.test", .port = 444, .target = "/"};
      if (const auto url = follow(base, text)) {
        I2_ASSERT(is_host_name(url->host) && url->port != 0 && url->target.starts_with('/'));
        const auto again = parse_url(to_text(*url));
        I2_ASSERT(again && to_text(*again) == to_text(*url));
      }
      break;
    }
    case 2: {
      const std::vector<std::string> own{"ca.test"};
      const std::vector<i2::Bytes> records{i2::to_bytes(input)};
      const bool permitted = judge_caa("a.test", records, false, own).has_value();
      // Whatever it says, it does not say more to an authority without a name.
      I2_ASSERT(permitted || !judge_caa("a.test", records, false, {}));
      break;
    }
    default:
      (void)parse_txt(input);
      (void)parse_resolv_conf(text);
  }
  return 0;
}
