// Requests and answers of the admin socket under arbitrary bytes: what is accepted survives a round
// trip.
#include <i2/base/assert.h>
#include <i2/base/bytes.h>
#include <i2/node/admin.h>

namespace {

using i2::node::AdminReply;

std::string encode(const AdminReply& reply) {
  switch (reply.kind) {
    case AdminReply::Kind::kProgress:
      return i2::node::encode_progress(reply.json);
    case AdminReply::Kind::kError:
      return i2::node::encode_error(reply.code, reply.message);
    default:
      return i2::node::encode_result(reply.json);
  }
}

void check_reply(const AdminReply& reply) {
  const std::string encoded = encode(reply);
  const auto again = i2::node::parse_reply(std::string_view(encoded).substr(0, encoded.size() - 1));
  I2_ASSERT(again && again->kind == reply.kind && again->json == reply.json);
  I2_ASSERT(again->code == reply.code && again->message == reply.message);
}

}  // namespace

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
  if (const auto reply = i2::node::parse_reply(line)) {
    check_reply(*reply);
  }
  return 0;
}
