#include <i2/stoq/core/chunk.h>

#include <algorithm>
#include <atomic>

namespace i2::stoq::core {

// A spin of a few instructions at most every 64 KiB: blocks come back from whichever thread read
// them last.
struct BlockPool::Shelf {
  explicit Shelf(std::size_t limit) : blocks_max(limit) { blocks.reserve(limit); }

  void put(std::unique_ptr<std::uint8_t[]> block) {
    lock();
    if (blocks.size() < blocks_max) {
      blocks.push_back(std::move(block));
    }
    unlock();
  }
  std::unique_ptr<std::uint8_t[]> get() {
    std::unique_ptr<std::uint8_t[]> out;
    lock();
    if (!blocks.empty()) {
      out = std::move(blocks.back());
      blocks.pop_back();
    }
    unlock();
    return out ? std::move(out) : std::make_unique_for_overwrite<std::uint8_t[]>(kBlockSize);
  }
  void lock() {
    while (busy.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() { busy.clear(std::memory_order_release); }

  std::atomic_flag busy;
  std::size_t blocks_max;
  std::vector<std::unique_ptr<std::uint8_t[]>> blocks;
};

BlockPool::BlockPool(std::size_t blocks_max) : shelf_(std::make_shared<Shelf>(blocks_max)) {}

std::shared_ptr<std::uint8_t[]> BlockPool::take() {
  std::unique_ptr<std::uint8_t[]> block = shelf_->get();
  return {block.release(), [shelf = shelf_](std::uint8_t* bytes) {
            shelf->put(std::unique_ptr<std::uint8_t[]>(bytes));
          }};
}

void ReceiveBuffer::append(ByteView data, BlockPool& pool) {
  size_ += data.size();
  while (!data.empty()) {
    if (used_ == block_size_) {
      block_size_ = std::clamp(block_size_ * 2, kBlockMin, kBlockMax);
      block_size_ = std::max(block_size_, std::min(data.size(), kBlockMax));
      block_ = block_size_ == kBlockMax
                   ? pool.take()
                   : std::make_shared_for_overwrite<std::uint8_t[]>(block_size_);
      used_ = 0;
    }
    const std::size_t fits = std::min(data.size(), block_size_ - used_);
    std::uint8_t* const at = block_.get() + used_;
    std::memcpy(at, data.data(), fits);
    used_ += fits;
    data = data.subspan(fits);
    if (!queue_.empty()) {
      Chunk& last = queue_.back();
      if (last.owner_ == block_ && last.view_.data() + last.view_.size() == at) {
        last.view_ = {last.view_.data(), last.view_.size() + fits};
        continue;
      }
    }
    queue_.push(Chunk(block_, {at, fits}));
  }
}

Chunk ReceiveBuffer::take(std::size_t size_max) {
  if (queue_.empty()) {
    return {};
  }
  Chunk out;
  if (queue_[0].size() <= size_max) {
    out = queue_.pop();
  } else {
    out = queue_[0].prefix(size_max);
    queue_[0].remove_prefix(size_max);
  }
  size_ -= out.size();
  if (size_ == 0) {
    // An idle stream keeps no block; the next one is twice block_size_, smaller if this one stayed
    // empty.
    block_.reset();
    block_size_ = used_ > block_size_ / 2 ? block_size_ : block_size_ / 4;
    used_ = block_size_;
  }
  return out;
}

void ReceiveBuffer::discard(std::size_t size) {
  while (size > 0 && !empty()) {
    size -= take(size).size();
  }
}

}  // namespace i2::stoq::core
