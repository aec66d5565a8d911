// What travels on an RPC stream (docs/wire/rpc.md), as values and bytes.
//
//   caller -> server   kRequest, kMessage..., end of stream
//   server -> caller   kMessage..., kStatus, end of stream
#pragma once

#include <i2/stoq/core/record.h>

#include <string>

namespace i2::stoq::core {

enum class RpcRecord : std::uint64_t { kRequest = 0x01, kMessage = 0x02, kStatus = 0x03 };
inline constexpr std::uint64_t kRpcRecordMax = 0x03;

inline constexpr std::size_t kRpcMethodSizeMax = 128;
inline constexpr std::size_t kRpcIdempotencyKeyMax = 64;
inline constexpr std::size_t kRpcHeaderMax = 4 * 1024;  // of an encoded request or status

// "layer.Service/Method": letters, digits, '_', with exactly one '/', and at least one '.' before
// it.
[[nodiscard]] bool is_rpc_method(std::string_view name);

struct RpcRequest {
  std::string method;
  std::uint64_t deadline_ms = 0;  // from the arrival of the record; 0: none
  std::string idempotency_key;
  bool client_streaming = false;
  bool server_streaming = false;
  friend bool operator==(const RpcRequest&, const RpcRequest&) = default;
};
[[nodiscard]] Bytes encode(const RpcRequest& request);
// Error: stoq.frame_malformed.
[[nodiscard]] Result<RpcRequest> decode_rpc_request(ByteView body);

// How a call ended. An empty result is success. The message is cut to what fits kRpcHeaderMax.
[[nodiscard]] Bytes encode_rpc_status(const Result<void>& result);
// The outer error is stoq.frame_malformed; the inner one is the peer's. A code that this process
// cannot represent becomes stoq.remote_error.
[[nodiscard]] Result<Result<void>> decode_rpc_status(ByteView body);

// An error as a peer described it.
[[nodiscard]] Error remote_error(std::string_view code, std::string_view message,
                                 std::int64_t native);

}  // namespace i2::stoq::core
