#include "record_stream.h"

namespace i2::stoq {
namespace {

std::unexpected<Error> cut_short() {
  return fail("stoq.stream_ended", "the peer ended the stream within a record");
}

}  // namespace

Task<Result<std::optional<core::Record>>> RecordStream::next() {
  for (;;) {
    ByteView input = pending_.view();
    Result<std::optional<core::Record>> record = reader_.next(input);
    pending_.remove_prefix(pending_.size() - input.size());
    if (!record || *record) {
      co_return record;
    }
    Result<Chunk> chunk = co_await stream_.read();
    if (!chunk) {
      co_return fail(std::move(chunk).error());
    }
    if (chunk->size() == 0) {
      if (!reader_.between_records()) {
        co_return cut_short();
      }
      co_return std::nullopt;
    }
    pending_ = std::move(*chunk);
  }
}

Task<Result<std::optional<core::RecordHead>>> RecordStream::next_head() {
  for (;;) {
    ByteView input = pending_.view();
    const std::optional<core::RecordHead> head = reader_.next_head(input);
    pending_.remove_prefix(pending_.size() - input.size());
    if (head) {
      co_return head;
    }
    Result<Chunk> chunk = co_await stream_.read();
    if (!chunk) {
      co_return fail(std::move(chunk).error());
    }
    if (chunk->size() == 0) {
      if (!reader_.between_records()) {
        co_return cut_short();
      }
      co_return std::nullopt;
    }
    pending_ = std::move(*chunk);
  }
}

Task<Result<Chunk>> RecordStream::take(std::size_t size_max) {
  if (pending_.size() == 0) {
    co_return co_await stream_.read(size_max);
  }
  const std::size_t size = std::min(size_max, pending_.size());
  Chunk out = pending_.prefix(size);
  pending_.remove_prefix(size);
  co_return out;
}

}  // namespace i2::stoq
