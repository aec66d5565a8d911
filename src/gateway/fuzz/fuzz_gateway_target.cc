// Request targets, hosts and Accept: what is accepted means one thing.
#include <i2/base/assert.h>
#include <i2/gateway/accept.h>
#include <i2/gateway/target.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace {

constexpr std::array<std::string_view, 2> kOffered{"application/json", "text/plain"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::gateway;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = parse_target(text)) {
    for (const std::string& segment : target->segments) {
      I2_ASSERT(!segment.empty() && segment != "." && segment != "..");
      I2_ASSERT(segment.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos);
    }
  }
  if (const auto authority = parse_authority(text)) {
    I2_ASSERT(!authority->host.empty() && authority->port.size() <= 5);
  }
  const auto chosen = choose_media_type(text, kOffered);
  I2_ASSERT(!chosen || *chosen < kOffered.size());
  return 0;
}
