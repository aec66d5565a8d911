// What travels on message streams (docs/wire/messages.md), as values and bytes.
//
//   queue stream, bidirectional     sender -> receiver   kQueue, then kInline and kBulk in queue
//   order
//                                   receiver -> sender   kCredit...
//   bulk stream, unidirectional     sender -> receiver   kBulkHead, then the bytes of one message
#pragma once

#include <i2/stoq/core/record.h>

#include <string>

namespace i2::stoq::core {

enum class MessageRecord : std::uint64_t {
  kQueue = 0x01,     // queue name
  kBulkHead = 0x02,  // varint number, queue name
  kInline = 0x03,    // the message
  kBulk = 0x04,      // varint number, varint size: a message that comes on its own stream
  kCredit = 0x05,    // varint: cost of all messages that the receiver's application has taken
};
inline constexpr std::uint64_t kMessageRecordMax = 0x05;

inline constexpr std::size_t kQueueNameMax = 255;
inline constexpr std::size_t kInlineMessageMax = 64 * 1024;
// Added to the size of each message when credit is counted, so that empty messages are bounded too.
inline constexpr std::uint64_t kMessageOverhead = 64;
[[nodiscard]] constexpr std::uint64_t message_cost(std::uint64_t size) {
  return size + kMessageOverhead;
}

// 1 to kQueueNameMax bytes of UTF-8.
[[nodiscard]] bool is_queue_name(std::string_view name);

struct BulkHead {
  std::uint64_t number = 0;  // counts the bulk messages of one queue stream from 0
  std::string queue;
  friend bool operator==(const BulkHead&, const BulkHead&) = default;
};

struct BulkReference {
  std::uint64_t number = 0;
  std::uint64_t size = 0;
  friend bool operator==(const BulkReference&, const BulkReference&) = default;
};

[[nodiscard]] Bytes encode(const BulkHead& head);
[[nodiscard]] Bytes encode(const BulkReference& reference);
[[nodiscard]] Bytes encode_credit(std::uint64_t taken);
// Error, all four: stoq.frame_malformed.
[[nodiscard]] Result<std::string> decode_queue_name(ByteView body);
[[nodiscard]] Result<BulkHead> decode_bulk_head(ByteView body);
[[nodiscard]] Result<BulkReference> decode_bulk_reference(ByteView body);
[[nodiscard]] Result<std::uint64_t> decode_credit(ByteView body);

}  // namespace i2::stoq::core
