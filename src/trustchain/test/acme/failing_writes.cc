#include "failing_writes.h"

#include <gtest/gtest.h>

#include <ranges>

namespace i2::trustchain::testing {

using store::Batch;
using store::KeyValueStore;
using Durability = KeyValueStore::Durability;

// The names that the Itanium C++ ABI gives to KeyValueStore::commit() and sync(): the linker's
// (--wrap) for the real ones, and for what is called in their place.
Result<void> real_commit(KeyValueStore& to, const Batch& batch, Durability durability) asm(
    "__real__ZN2i25store13KeyValueStore6commitERKNS0_5BatchENS1_10DurabilityE");
Result<void> real_sync(KeyValueStore& to) asm("__real__ZN2i25store13KeyValueStore4syncEv");
Result<void> called_commit(KeyValueStore& to, const Batch& batch, Durability durability) asm(
    "__wrap__ZN2i25store13KeyValueStore6commitERKNS0_5BatchENS1_10DurabilityE");
Result<void> called_sync(KeyValueStore& to) asm("__wrap__ZN2i25store13KeyValueStore4syncEv");

Result<void> called_commit(KeyValueStore& to, const Batch& batch, Durability durability) {
  return failing_writes().commit(to, batch, durability);
}

Result<void> called_sync(KeyValueStore& to) {
  return failing_writes().sync(to);
}

namespace {

Batch inverse(const KeyValueStore& of, const Batch& batch) {
  Batch out;
  for (const Batch::Change& change : batch.changes()) {
    if (auto before = of.get(change.key).value()) {
      out.put(change.key, *std::move(before));
    } else {
      out.erase(change.key);
    }
  }
  return out;
}

}  // namespace

FailingWrites& failing_writes() {
  static FailingWrites instance;
  return instance;
}

std::unexpected<Error> FailingWrites::error() const {
  return way_ == Way::kDiskFull ? fail("store.disk_full", "no room: told to fail")
                                : fail("store.failed", "told to fail");
}

// Under `mutex_`.
FailingWrites::Turn FailingWrites::turn(KeyValueStore& to) {
  if (failed_ == &to) {
    return Turn::kClosed;
  }
  if (has_failed_ || left_ > 0) {
    left_ -= has_failed_ ? 0 : 1;
    return Turn::kPass;
  }
  has_failed_ = true;
  failed_ = &to;
  return Turn::kFail;
}

Result<void> FailingWrites::commit(KeyValueStore& to, const Batch& batch, Durability durability) {
  const std::scoped_lock lock(mutex_);
  switch (turn(to)) {
    case Turn::kPass:
      if (durability == Durability::kLater) {
        unsynced_.emplace_back(&to, inverse(to, batch));
      } else {
        std::erase_if(unsynced_, [&](const auto& one) { return one.first == &to; });
      }
      return real_commit(to, batch, durability);
    case Turn::kFail:
      later_ = way_ == Way::kDone ? batch : Batch();
      break;
    case Turn::kClosed:
      break;
  }
  return error();
}

Result<void> FailingWrites::sync(KeyValueStore& to) {
  const std::scoped_lock lock(mutex_);
  switch (turn(to)) {
    case Turn::kFail:
      if (way_ == Way::kDone) {
        std::erase_if(unsynced_, [&](const auto& one) { return one.first == &to; });
      }
      break;
    case Turn::kClosed:
      break;
    case Turn::kPass:
      std::erase_if(unsynced_, [&](const auto& one) { return one.first == &to; });
      return real_sync(to);
  }
  return error();
}

void FailingWrites::reopening() {
  const std::scoped_lock lock(mutex_);
  if (failed_ == nullptr) {
    return;
  }
  // What was written before is lost with the one that failed, unless that one is on disk.
  for (const auto& [to, taken_back] : std::views::reverse(unsynced_)) {
    if (to == failed_ && way_ != Way::kDone) {
      EXPECT_TRUE(real_commit(*to, taken_back, Durability::kSynced));
    }
  }
  EXPECT_TRUE(real_commit(*failed_, later_, Durability::kSynced));
  unsynced_.clear();
  later_ = {};
  failed_ = nullptr;
}

}  // namespace i2::trustchain::testing
