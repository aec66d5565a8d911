// What a connection keeps for one stream.
#pragma once

#include <i2/stoq/core/chunk.h>
#include <i2/stoq/core/stream_id.h>

#include <cstdint>
#include <optional>

namespace i2::stoq::core {

// Bytes queued for sending: [acknowledged | sent, in flight | unsent]. Chunks stay until
// acknowledged because ngtcp2 points into them for retransmission.
class SendQueue {
 public:
  void push(Chunk chunk) {
    queued_ += chunk.size();
    if (chunk.size() > 0) {
      chunks_.push(std::move(chunk));
    }
  }
  [[nodiscard]] std::uint64_t unsent() const { return queued_ - sent_; }
  [[nodiscard]] std::uint64_t unacknowledged() const { return queued_ - acknowledged_; }

  [[nodiscard]] std::uint64_t in_flight() const { return sent_ - acknowledged_; }

  // Up to `count_max` views of unsent bytes, oldest first; returns how many.
  template <class Vector>
  std::size_t gather(Vector* out, std::size_t count_max) {
    std::size_t count = 0;
    std::size_t within = next_within_;
    for (std::size_t i = next_; i < chunks_.count() && count < count_max; ++i) {
      const ByteView view = chunks_[i].view().subspan(within);
      within = 0;
      if (!view.empty()) {
        out[count].base = const_cast<std::uint8_t*>(view.data());
        out[count].len = view.size();
        ++count;
      }
    }
    return count;
  }
  void mark_sent(std::size_t size) {
    sent_ += size;
    while (size > 0) {
      const std::size_t left = chunks_[next_].size() - next_within_;
      if (size < left) {
        next_within_ += size;
        return;
      }
      size -= left;
      ++next_;
      next_within_ = 0;
    }
  }
  // Everything below `offset` was acknowledged.
  void acknowledge(std::uint64_t offset) {
    while (acknowledged_ < offset && !chunks_.empty() && next_ > 0) {
      const std::size_t size = chunks_[0].size();
      if (released_ + size > offset) {
        break;
      }
      released_ += size;
      (void)chunks_.pop();
      --next_;
    }
    acknowledged_ = offset > acknowledged_ ? offset : acknowledged_;
  }
  // Nothing more will be sent, and what is in flight does not matter any more.
  void abandon() {
    chunks_.clear();
    next_ = next_within_ = 0;
    sent_ = acknowledged_ = released_ = queued_;
  }

 private:
  ChunkQueue chunks_;
  std::size_t next_ = 0;         // first chunk with unsent bytes
  std::size_t next_within_ = 0;  // bytes of it already sent
  std::uint64_t queued_ = 0;     // stream offsets
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t released_ = 0;  // offset of the first chunk still held
};

struct StreamState {
  explicit StreamState(StreamId stream_id) : id(stream_id) {}

  StreamId id;
  std::optional<std::uint64_t> type;
  SendQueue send;
  ReceiveBuffer receive;
  std::optional<std::uint64_t> reset_code;
  std::uint8_t priority = 4;
  // send side
  bool fin_queued = false;
  bool fin_sent = false;
  bool write_closed = false;  // reset, stopped by the peer, or not ours to write
  bool ready = false;         // in the ready list
  bool blocked = false;       // by the peer's flow control
  bool want_writable = false;
  bool want_acknowledged = false;
  bool want_stopped = false;
  bool watched = false;  // for STOP_SENDING
  // receive side
  bool fin_received = false;
  bool read_closed = false;
  bool reading_type = false;  // peer-initiated, the type varint is not complete
  bool announced = false;     // the application knows the stream
  bool readable_flagged = false;
  bool stopped_flagged = false;
  // life
  bool released = false;          // the application is done
  bool transport_closed = false;  // ngtcp2 is done
  bool local = false;
};

}  // namespace i2::stoq::core
