// Records: how every service puts structure on a stream. A record is a varint type, a varint length
// and that many bytes (docs/wire/rpc.md, "Records"); a reader skips types it does not know.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <optional>

namespace i2::stoq::core {

struct RecordHead {
  std::uint64_t type = 0;
  std::uint64_t size = 0;  // of the body
  friend bool operator==(const RecordHead&, const RecordHead&) = default;
};

struct Record {
  std::uint64_t type = 0;
  Bytes body;
  friend bool operator==(const Record&, const Record&) = default;
};

void append_record_head(Bytes& out, std::uint64_t type, std::uint64_t size);
void append_record(Bytes& out, std::uint64_t type, ByteView body);

// Cuts a stream of bytes, however it was chunked, into records. Memory grows with what arrived,
// never with what a length field promises.
class RecordReader {
 public:
  struct Limits {
    std::uint64_t type_max = 0;  // larger types, and 0, are skipped
    std::size_t body_max = 0;
  };
  explicit RecordReader(Limits limits) : limits_(limits) {}

  // Takes bytes from the front of `input` until a record is complete (the rest stays in `input`) or
  // `input` is empty. Error: stoq.message_too_large for a body above the limit; nothing can be read
  // after it.
  [[nodiscard]] Result<std::optional<Record>> next(ByteView& input);
  // The same for the head alone, whatever its type; no limit applies. The caller takes the body.
  [[nodiscard]] std::optional<RecordHead> next_head(ByteView& input);
  // Nothing of a record has been read: a stream may end here.
  [[nodiscard]] bool between_records() const { return head_size_ == 0 && !current_; }
  // Another limit for the bodies that follow; only between records.
  void set_body_max(std::size_t body_max) { limits_.body_max = body_max; }

 private:
  static constexpr std::size_t kHeadMax = 16;  // two varints of 8 bytes
  Limits limits_;
  std::array<std::uint8_t, kHeadMax> head_{};
  std::size_t head_size_ = 0;
  std::optional<RecordHead> current_;
  Bytes body_;
  std::uint64_t taken_ = 0;  // bytes of the current body
};

}  // namespace i2::stoq::core
