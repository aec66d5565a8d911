// What all transfers into one inbox share: limits, and who is under way.
#pragma once

#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/file_transfer.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace i2::stoq {

struct TransferKey {
  NodeId sender;
  core::TransferId id;
  friend auto operator<=>(const TransferKey&, const TransferKey&) = default;
};

struct FileInbox {
  // A transfer under way. A second one with the same key ends it and waits: the first may hang on a
  // connection whose peer has long gone.
  struct Active {
    boost::asio::any_io_executor executor;
    Stream stream;            // on the executor only; empty once the transfer has ended
    bool superseded = false;  // on the executor only
    std::uint64_t size = 0;
    std::vector<std::function<void()>> when_gone;  // under the mutex
  };

  std::filesystem::path folder;
  boost::asio::any_io_executor pool;
  ReceiveLimits limits;
  std::function<void(const FileEvent&)> on_event;

  std::mutex mutex;  // connections of several workers share what follows
  std::map<TransferKey, std::shared_ptr<Active>> active;  // shared with the transfer itself

  [[nodiscard]] bool in_use(const core::TransferId& id);
  // Sizes of all files under way.
  [[nodiscard]] std::uint64_t reserved();
};

// A transfer's place among the active ones. Created and destroyed on the connection's executor.
class TransferLease {
 public:
  // Ends an older transfer with the same key and waits for it. Error: file.busy.
  [[nodiscard]] static Task<Result<std::unique_ptr<TransferLease>>> acquire(
      std::shared_ptr<FileInbox> inbox, TransferKey key, Connection connection, Stream stream,
      std::uint64_t size);
  ~TransferLease();
  TransferLease(const TransferLease&) = delete;
  TransferLease& operator=(const TransferLease&) = delete;

  [[nodiscard]] bool superseded() const { return active_->superseded; }

 private:
  TransferLease(std::shared_ptr<FileInbox> inbox, TransferKey key,
                std::shared_ptr<FileInbox::Active> active)
      : inbox_(std::move(inbox)), key_(key), active_(std::move(active)) {}
  std::shared_ptr<FileInbox> inbox_;  // shared with the FileReceiver
  TransferKey key_;
  std::shared_ptr<FileInbox::Active> active_;  // shared with the inbox's table
};

}  // namespace i2::stoq
