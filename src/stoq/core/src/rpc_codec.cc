#include <i2/stoq/core/rpc_codec.h>
#include <i2/wire/text.h>

#include <algorithm>

#include "i2/stoq/rpc.pb.h"

namespace i2::stoq::core {
namespace {

constexpr std::size_t kStatusMessageMax = 2 * 1024;

std::unexpected<Error> malformed(std::string_view what) {
  return fail("stoq.frame_malformed", "malformed RPC " + std::string(what));
}

template <class Message>
Bytes serialize(const Message& message) {
  Bytes out(message.ByteSizeLong());
  (void)message.SerializeToArray(out.data(), static_cast<int>(out.size()));
  return out;
}

// At most `size_max` bytes of `text`, whole characters, always UTF-8.
std::string clean(std::string_view text, std::size_t size_max) {
  std::string out(text.substr(0, size_max));
  while (!wire::is_utf8(out)) {
    if (text.size() > size_max && out.size() + 4 > size_max) {
      out.pop_back();  // a character may have been cut in two
      continue;
    }
    std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  return out;
}

}  // namespace

bool is_rpc_method(std::string_view name) {
  const std::size_t slash = name.find('/');
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.size() > kRpcMethodSizeMax || slash == std::string_view::npos) {
    return false;
  }
  const std::string_view service = name.substr(0, slash);
  const std::string_view method = name.substr(slash + 1);
  const auto is_service = [&](char c) { return is_word(c) || c == '.'; };
  return !method.empty() && std::ranges::all_of(method, is_word) &&
         std::ranges::all_of(service, is_service) && service.contains('.');
}

Bytes encode(const RpcRequest& request) {
  pb::RpcRequest message;
  message.set_method(request.method);
  message.set_deadline_ms(request.deadline_ms);
  message.set_idempotency_key(request.idempotency_key);
  message.set_client_streaming(request.client_streaming);
  message.set_server_streaming(request.server_streaming);
  return serialize(message);
}

Result<RpcRequest> decode_rpc_request(ByteView body) {
  pb::RpcRequest message;
  if (body.size() > kRpcHeaderMax ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return malformed("request");
  }
  if (message.idempotency_key().size() > kRpcIdempotencyKeyMax ||
      !wire::is_utf8(message.idempotency_key()) || !is_rpc_method(message.method())) {
    return malformed("request");
  }
  return RpcRequest{.method = message.method(),
                    .deadline_ms = message.deadline_ms(),
                    .idempotency_key = message.idempotency_key(),
                    .client_streaming = message.client_streaming(),
                    .server_streaming = message.server_streaming()};
}

Bytes encode_rpc_status(const Result<void>& result) {
  pb::RpcStatus message;
  if (!result) {
    message.set_code(std::string(result.error().code()));
    message.set_message(clean(result.error().message(), kStatusMessageMax));
    message.set_native(result.error().native());
  }
  return serialize(message);
}

Result<Result<void>> decode_rpc_status(ByteView body) {
  pb::RpcStatus message;
  if (body.size() > kRpcHeaderMax ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return malformed("status");
  }
  if (!wire::is_utf8(message.message())) {
    return malformed("status");
  }
  if (message.code().empty()) {
    return Result<void>{};
  }
  return Result<void>(fail(remote_error(message.code(), message.message(), message.native())));
}

Error remote_error(std::string_view code, std::string_view message, std::int64_t native) {
  if (auto known = Error::reported(code, std::string(message), native)) {
    return std::move(*known);
  }
  return {"stoq.remote_error", "the peer reported: " + std::string(message), native};
}

}  // namespace i2::stoq::core
