// Records from a stream, one at a time.
#pragma once

#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/core/record.h>
#include <i2/stoq/transport.h>

#include <optional>

namespace i2::stoq {

class RecordStream {
 public:
  RecordStream(Stream stream, core::RecordReader::Limits limits)
      : stream_(std::move(stream)), reader_(limits) {}

  [[nodiscard]] Stream& stream() { return stream_; }
  [[nodiscard]] core::RecordReader& reader() { return reader_; }

  // The next record; none at the end of the stream. Error: stoq.message_too_large,
  // stoq.stream_ended when the stream ends within a record, and those of Stream::read(). One caller
  // at a time.
  [[nodiscard]] Task<Result<std::optional<core::Record>>> next();
  // The next record's head; its body is left to take(). Between records only. Errors as of next().
  [[nodiscard]] Task<Result<std::optional<core::RecordHead>>> next_head();
  // Bytes behind what was read so far, at most `size_max`; empty at the end of the stream.
  [[nodiscard]] Task<Result<Chunk>> take(std::size_t size_max);

 private:
  Stream stream_;
  core::RecordReader reader_;
  Chunk pending_;
};

// A record of the file exchange, as it goes onto the stream.
[[nodiscard]] inline Chunk file_record(core::FileRecord type, ByteView body) {
  Bytes out;
  core::append_record(out, static_cast<std::uint64_t>(type), body);
  return Chunk(std::move(out));
}

}  // namespace i2::stoq
