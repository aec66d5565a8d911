#include "file_inbox.h"

#include <i2/rt/signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

struct Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : changed(executor) {}
  bool done = false;
  rt::Signal changed;
};

// Asks `old` to end, and `waiter` to be woken when it has. Under the inbox's mutex.
void supersede(const std::shared_ptr<FileInbox::Active>& old, const asio::any_io_executor& executor,
               const std::shared_ptr<Waiter>& waiter) {
  old->when_gone.emplace_back([executor, waiter] {
    asio::post(executor, [waiter] {
      waiter->done = true;
      waiter->changed.notify();
    });
  });
  asio::post(old->executor, [old] {
    if (old->stream) {
      old->superseded = true;
      refuse_stream(old->stream, AppError::kCancelled);
    }
  });
}

}  // namespace

bool FileInbox::in_use(const core::TransferId& id) {
  const std::scoped_lock lock(mutex);
  return std::ranges::any_of(active, [&](const auto& entry) { return entry.first.id == id; });
}

std::uint64_t FileInbox::reserved() {
  const std::scoped_lock lock(mutex);
  std::uint64_t sum = 0;
  for (const auto& [key, transfer] : active) {
    sum += transfer->size;
  }
  return sum;
}

Task<Result<std::unique_ptr<TransferLease>>> TransferLease::acquire(
    std::shared_ptr<FileInbox> inbox, TransferKey key, Connection connection, Stream stream,
    std::uint64_t size) {
  const auto executor = connection.executor();
  for (;;) {
    const auto waiter = std::make_shared<Waiter>(executor);
    {
      const std::scoped_lock lock(inbox->mutex);
      const auto it = inbox->active.find(key);
      if (it == inbox->active.end()) {
        if (inbox->active.size() >= inbox->limits.transfers_max) {
          co_return fail("file.busy", "the receiver takes " +
                                          std::to_string(inbox->limits.transfers_max) +
                                          " files at a time: try again later");
        }
        auto active = std::make_shared<FileInbox::Active>();
        active->executor = executor;
        active->stream = std::move(stream);
        active->size = size;
        inbox->active.emplace(key, active);
        co_return std::unique_ptr<TransferLease>(new TransferLease(inbox, key, std::move(active)));
      }
      supersede(it->second, executor, waiter);
    }
    while (!waiter->done) {
      co_await waiter->changed.wait();
    }
  }
}

TransferLease::~TransferLease() {
  active_->stream = Stream();
  std::vector<std::function<void()>> waiting;
  {
    const std::scoped_lock lock(inbox_->mutex);
    inbox_->active.erase(key_);
    waiting.swap(active_->when_gone);
  }
  for (const auto& wake : waiting) {
    wake();
  }
}

}  // namespace i2::stoq
