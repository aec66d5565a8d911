// Whole requests. The input is a script, one request in a line: a path, a space, a payload that the
// client signs. "!" in front of the line sends what follows the space as it is. In a path $A is the
// account, $O the newest order, $Z its first authorization. Lines "ok", "fail" and "issue" answer
// what the server asks for, "restart" makes a new one of the records, "day" lets a day pass.
#include <i2/base/assert.h>

#include <nlohmann/json.hpp>

#include "../test/client.h"

namespace i2::trustchain::acme::testing {
namespace {

constexpr std::size_t kLinesMax = 32;

std::string last_segment(const std::string& url) {
  return url.substr(url.rfind('/') + 1);
}

class Script {
 public:
  explicit Script(World& world) : world_(world), client_(world) {
    client_.join();
    account_ = last_segment(client_.account);
  }

  void run(std::string_view line) {
    if (line == "ok" || line == "fail") {
      while (const auto validation = world_.server->poll_validation()) {
        world_.server->handle_validation(
            validation->authorization,
            line == "ok" ? Result<void>{} : fail("acme.dns", "there is no such name"), world_.now);
      }
    } else if (line == "issue") {
      while (const auto issuance = world_.server->poll_issuance()) {
        I2_ASSERT(!issuance->names.empty());
        (void)world_.server->handle_issued(issuance->order, world_.authority.issue(*issuance),
                                           world_.now);
      }
    } else if (line == "restart") {
      world_.restart();
    } else if (line == "day") {
      world_.now += 24 * kHour;
      world_.server->handle_time(world_.now);
    } else {
      request(line);
    }
    world_.save();
  }

 private:
  void request(std::string_view line) {
    const bool raw = line.starts_with('!');
    line.remove_prefix(raw ? 1 : 0);
    const std::size_t space = line.find(' ');
    const std::string_view payload =
        space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
    const std::string url = kBase + filled(line.substr(0, space));
    const Reply reply = raw ? client_.send_text(url, payload) : client_.send(url, payload);
    I2_ASSERT(!reply.header("replay-nonce").empty());
    I2_ASSERT(!raw || reply.status() / 100 == 4);  // there is no signature in the fuzzer's bytes
    I2_ASSERT(reply.status() / 100 != 5 && reply.status() >= 200);
    if (reply.status() == 201 && reply.body.contains("authorizations")) {
      order_ = last_segment(reply.header("location"));
      authorization_ = last_segment(reply.body["authorizations"][0]);
    }
    if (const auto revocation = world_.server->poll_revocation()) {
      I2_ASSERT(revocation->ticket == reply.raw.waits_for);
      (void)world_.server->handle_revoked(revocation->ticket, {});
    }
  }

  [[nodiscard]] std::string filled(std::string_view path) const {
    std::string out;
    for (std::size_t i = 0; i < path.size(); ++i) {
      const char next = path[i] == '$' && i + 1 < path.size() ? path[i + 1] : '\0';
      const std::string* const value = next == 'A'   ? &account_
                                       : next == 'O' ? &order_
                                       : next == 'Z' ? &authorization_
                                                     : nullptr;
      if (value != nullptr) {
        out += *value;
        ++i;
      } else {
        out += static_cast<unsigned char>(path[i]) < 0x80 ? path[i] : '?';  // is signed as JSON
      }
    }
    return out;
  }

  World& world_;
  Client client_;
  std::string account_;
  std::string order_;
  std::string authorization_;
};

void run_script(std::string_view text) {
  World world({.base_url = kBase, .names_max = 4, .accounts_max = 4, .authorizations_max = 200});
  Script script(world);
  for (std::size_t lines = 0; lines < kLinesMax && !text.empty(); ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    script.run(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  world.restart();  // every record can be read again
  for (const auto& [id, record] : world.records) {
    I2_ASSERT(kind_of(record) == id.first);
  }
}

}  // namespace
}  // namespace i2::trustchain::acme::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  i2::trustchain::acme::testing::run_script(i2::as_text({data, size}));
  return 0;
}
