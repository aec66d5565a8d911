// Byte buffers that travel without being copied: a Chunk is a view and whoever keeps its bytes
// alive.
#pragma once

#include <i2/base/assert.h>
#include <i2/base/bytes.h>

#include <memory>
#include <vector>

namespace i2::stoq::core {

// The owner is shared because the same bytes wait for acknowledgement in a send queue while the
// application may still hold them, and because slices of one receive buffer go to the reader one by
// one.
class Chunk {
 public:
  Chunk() = default;
  explicit Chunk(Bytes bytes) {
    auto owner = std::make_shared<const Bytes>(std::move(bytes));
    view_ = *owner;
    owner_ = std::move(owner);
  }
  Chunk(std::shared_ptr<const void> owner, ByteView view) : owner_(std::move(owner)), view_(view) {}
  [[nodiscard]] static Chunk copy_of(ByteView view) { return Chunk(to_bytes(view)); }

  [[nodiscard]] ByteView view() const { return view_; }
  [[nodiscard]] std::size_t size() const { return view_.size(); }
  void remove_prefix(std::size_t size) { view_ = view_.subspan(size); }
  // The first `size` bytes, sharing the owner.
  [[nodiscard]] Chunk prefix(std::size_t size) const { return {owner_, view_.first(size)}; }

 private:
  friend class ReceiveBuffer;
  std::shared_ptr<const void> owner_;
  ByteView view_;
};

// A FIFO of chunks that costs nothing while empty (an idle stream holds two of them).
class ChunkQueue {
 public:
  [[nodiscard]] bool empty() const { return head_ == items_.size(); }
  [[nodiscard]] std::size_t count() const { return items_.size() - head_; }
  [[nodiscard]] Chunk& operator[](std::size_t index) { return items_[head_ + index]; }
  [[nodiscard]] const Chunk& operator[](std::size_t index) const { return items_[head_ + index]; }
  [[nodiscard]] Chunk& back() { return items_.back(); }
  void push(Chunk chunk) { items_.push_back(std::move(chunk)); }
  Chunk pop() {
    I2_ASSERT(!empty());
    Chunk front = std::move(items_[head_++]);
    if (head_ == items_.size()) {
      items_.clear();
      head_ = 0;
    } else if (head_ >= 32 && head_ * 2 >= items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return front;
  }
  void clear() {
    items_.clear();
    items_.shrink_to_fit();
    head_ = 0;
  }

 private:
  std::vector<Chunk> items_;
  std::size_t head_ = 0;
};

// Keeps a few large blocks, so that bulk reception does not ask the system for memory again and
// again. Blocks may be released on any thread, also after the pool is gone.
class BlockPool {
 public:
  static constexpr std::size_t kBlockSize = 64 * 1024;

  explicit BlockPool(std::size_t blocks_max = 64);
  [[nodiscard]] std::shared_ptr<std::uint8_t[]> take();

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;  // shared with the blocks that are out
};

// In-order bytes of one stream, waiting for their reader. Storage grows from 2 KiB to 64 KiB blocks
// with the amount received, so that many small streams stay small and bulk is handed over in large
// pieces.
class ReceiveBuffer {
 public:
  static constexpr std::size_t kBlockMin = 2 * 1024;
  static constexpr std::size_t kBlockMax = BlockPool::kBlockSize;

  void append(ByteView data, BlockPool& pool);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // The oldest contiguous piece, at most `size_max` bytes. Empty when nothing waits.
  [[nodiscard]] Chunk take(std::size_t size_max);
  [[nodiscard]] ByteView front() const { return queue_.empty() ? ByteView{} : queue_[0].view(); }
  void discard(std::size_t size);

 private:
  ChunkQueue queue_;
  std::shared_ptr<std::uint8_t[]> block_;  // shared with the chunks cut from it
  std::size_t block_size_ = 0;
  std::size_t used_ = 0;
  std::size_t size_ = 0;
};

}  // namespace i2::stoq::core
