#include <i2/stoq/core/chunk.h>

#include <algorithm>

namespace i2::stoq::core {

void ReceiveBuffer::append(ByteView data) {
  size_ += data.size();
  while (!data.empty()) {
    if (used_ == block_size_) {
      block_size_ = std::clamp(block_size_ * 2, kBlockMin, kBlockMax);
      block_size_ = std::max(block_size_, std::min(data.size(), kBlockMax));
      block_ = std::make_shared_for_overwrite<std::uint8_t[]>(block_size_);
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
    // An idle stream keeps no block; the next one is twice block_size_, smaller if this one stayed empty.
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
