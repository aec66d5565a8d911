// Requests and answers of the admin socket under arbitrary bytes: what is accepted survives a round
// trip.
#include <i2/base/assert.h>
#include <i2/base/bytes.h>
#include <i2/node/admin.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = i2::as_text({data, size});
  if (const auto request = i2::node::parse_request(line);
      request && line.size() + 64 < i2::node::kAdminLineMax) {
    const std::string encoded = i2::node::encode_request(*request);
    I2_ASSERT(encoded.ends_with('\n') && encoded.find('\n') == encoded.size() - 1);
    const auto again =
        i2::node::parse_request(std::string_view(encoded).substr(0, encoded.size() - 1));
    I2_ASSERT(again && again->verb == request->verb && again->args == request->args);
  }
  if (const auto reply = i2::node::parse_reply(line);
      reply && reply->kind == i2::node::AdminReply::Kind::kResult) {
    const std::string encoded = i2::node::encode_result(reply->json);
    const auto again =
        i2::node::parse_reply(std::string_view(encoded).substr(0, encoded.size() - 1));
    I2_ASSERT(again && again->json == reply->json);
  }
  return 0;
}
