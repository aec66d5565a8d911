// Tokens and the messages of joining: what decodes encodes to the same bytes; any stream is cut or
// refused. The first byte chooses.
#include <i2/base/assert.h>
#include <i2/fleet/core/join_exchange.h>

namespace {

void check_token(i2::ByteView input) {
  if (const auto token = i2::fleet::decode_token(i2::as_text(input))) {
    const auto again = i2::fleet::decode_token(i2::fleet::encode_token(*token));
    I2_ASSERT(again && again->peers == token->peers && again->expiry == token->expiry);
    static_cast<void>(i2::fleet::invite_key(*token));
  }
}

void check_message(i2::ByteView input) {
  if (const auto message = i2::fleet::decode_join_message(input)) {
    I2_ASSERT(i2::equal(i2::ByteView(encode(*message)).subspan(4), input));
  }
  static_cast<void>(i2::fleet::JoinServer::handle_request(input, {}, 0));
}

void check_stream(i2::ByteView input) {
  i2::fleet::JoinFramer framer(64);
  while (!input.empty()) {
    const std::size_t size = std::min<std::size_t>(input.size(), 1 + input[0] % 9);
    framer.feed(input.first(size));
    input = input.subspan(size);
    for (auto next = framer.next(); !next || *next; next = framer.next()) {
      if (!next) {
        return;
      }
      I2_ASSERT((*next)->size() <= 64);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const i2::ByteView rest(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      check_token(rest);
      break;
    case 1:
      check_message(rest);
      break;
    default:
      check_stream(rest);
      break;
  }
  return 0;
}
