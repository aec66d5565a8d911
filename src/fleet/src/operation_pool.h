// OperationPool: operations that wait for a place in a block, in the order in which they came.
#pragma once

#include <i2/base/clock.h>
#include <i2/fleet/core/operation.h>
#include <i2/ports/sequencer.h>

#include <list>
#include <map>
#include <vector>

namespace i2::fleet {

class OperationPool {
 public:
  using Done = ports::Sequencer::Done;
  struct Entry {
    OperationId id;
    Bytes operation;
    AccountId account;
    std::uint64_t nonce = 0;
    std::uint64_t anchor_height = 0;
    std::vector<Done> done;  // of those who wait for it here
    Timestamp asked = 0;     // when the last of them did
    Timestamp told = 0;      // when the others were told of it last, which may have been lost
    Timestamp since = 0;     // when it came, or was looked at again
    bool early = false;      // another operation or block has to come first
  };
  using Entries = std::list<Entry>;

  static constexpr std::size_t kCountMax = 4096;
  static constexpr std::size_t kSizeMax = 32 * 1024 * 1024;

  [[nodiscard]] Entry* find(const OperationId& id) {
    const auto at = index_.find(id);
    return at == index_.end() ? nullptr : &*at->second;
  }
  [[nodiscard]] bool fits(std::size_t size) const {
    return entries_.size() < kCountMax && size_ + size <= kSizeMax;
  }
  // There is none with its id.
  Entry& add(Entry entry) {
    size_ += entry.operation.size();
    entries_.push_back(std::move(entry));
    index_.emplace(entries_.back().id, std::prev(entries_.end()));
    return entries_.back();
  }
  // What has that id; empty when nothing has.
  [[nodiscard]] std::vector<Done> remove(const OperationId& id) {
    const auto at = index_.find(id);
    if (at == index_.end()) {
      return {};
    }
    size_ -= at->second->operation.size();
    std::vector<Done> out = std::move(at->second->done);
    entries_.erase(at->second);
    index_.erase(at);
    return out;
  }
  // Everything.
  [[nodiscard]] Entries clear() {
    index_.clear();
    size_ = 0;
    return std::exchange(entries_, {});
  }

  [[nodiscard]] Entries& entries() { return entries_; }
  [[nodiscard]] const Entries& entries() const { return entries_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  Entries entries_;
  std::map<OperationId, Entries::iterator> index_;
  std::size_t size_ = 0;
};

}  // namespace i2::fleet
