// The transparency log that this node writes: the fleet's, one that was, or one that stands by.
#pragma once

#include <i2/base/ids.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/store/key_value_store.h>
#include <i2/telemetry/health.h>
#include <i2/trustchain/local_log_store.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "own_log.h"
#include "tasks.h"

namespace i2::node {

class LogService {
 public:
  struct Parts {
    rt::Runtime& runtime;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    const fleet::TrustStore& trust;
    OwnLog& own;  // gets the log; empty before
    std::filesystem::path data_dir;
    bool may_create;  // a node that does nothing but transport begins none
    std::function<std::vector<crypto::Certificate>()> roots;  // thread-safe
    std::function<void()> published;  // a new checkpoint; on a thread of the pool
  };
  // With the log that is there; that of the founder is begun. Errors: those of CtLog::open() and
  // load_log_keys(), node.file_failed.
  [[nodiscard]] static Result<std::unique_ptr<LogService>> open(Parts parts);
  LogService(const LogService&) = delete;
  LogService& operator=(const LogService&) = delete;

  // Begins an empty log with keys of its own where there is none; it promises nothing before it is
  // the fleet's. Writes to the disk; not on a loop. Errors: those of open(), trust.no_log.
  [[nodiscard]] Result<void> make();
  // Why the log could promise nothing now, though the state names it: trust.log_stopped,
  // store.disk_full.
  [[nodiscard]] Result<void> ready() const;
  // On the control executor: keeps the last checkpoint younger than a minute.
  void start();
  // On the control executor; then stop().
  void stop_refreshing();
  // Not on a runtime thread.
  void stop();
  [[nodiscard]] telemetry::LayerHealth health() const;

 private:
  explicit LogService(Parts parts) : parts_(std::move(parts)), wakeup_(parts_.runtime.control()) {}
  // A log that came out of a backup, below <data-dir>/ct/closed/.
  struct Closed {
    std::unique_ptr<store::KeyValueStore> database;
    trustchain::LocalLogStore store{*database};
    trustchain::LogIndex index{*database};
    std::unique_ptr<trustchain::CtLog> log{};
  };
  [[nodiscard]] Result<void> open_closed();
  [[nodiscard]] Result<void> open_log();  // under mutex_
  // Of the log in store_, or of the one that begins there.
  [[nodiscard]] Result<std::string> origin() const;
  [[nodiscard]] Result<void> room(std::size_t size) const;
  // That this log may promise: it is the fleet's, or is about to become its first.
  [[nodiscard]] Result<void> check_fence(ByteView spki) const;
  [[nodiscard]] Task<> refresh();

  Parts parts_;
  std::vector<std::unique_ptr<Closed>> closed_;
  std::mutex mutex_;  // while the log is made
  std::unique_ptr<store::KeyValueStore> database_;
  std::optional<trustchain::LocalLogStore> store_;
  std::optional<trustchain::LogIndex> index_;
  std::unique_ptr<trustchain::CtLog> log_;
  Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace i2::node
