// The fleet's transparency log, on the node that writes it.
#pragma once

#include <i2/base/ids.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/store/key_value_store.h>
#include <i2/telemetry/health.h>
#include <i2/trustchain/ct_log.h>
#include <i2/trustchain/local_log_store.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "tasks.h"

namespace i2::node {

class LogService {
 public:
  struct Parts {
    rt::Runtime& runtime;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    std::filesystem::path data_dir;
    ChainId chain;    // names the log
    bool may_create;  // this node is the one that has the fleet's log
    std::function<std::vector<crypto::Certificate>()> roots;  // thread-safe
    std::function<void()> published;  // a new checkpoint; on a thread of the pool
    // Of the key of the log that the fleet's state names; none: it names none. Thread-safe.
    std::function<std::optional<Bytes>()> fleets_log;
  };
  // Null when the node has no log and is not to have one. Errors: those of CtLog::open() and
  // load_log_keys(), node.file_failed.
  [[nodiscard]] static Result<std::unique_ptr<LogService>> open(Parts parts);
  LogService(const LogService&) = delete;
  LogService& operator=(const LogService&) = delete;

  [[nodiscard]] trustchain::CtLog& log() { return *log_; }
  // What readers get: a closed log of this node as long as that is the fleet's, else log().
  // Thread-safe.
  [[nodiscard]] trustchain::CtLog& shown();
  // On the control executor: keeps the last checkpoint younger than a minute.
  void start();
  // On the control executor; then stop().
  void stop_refreshing();
  // Not on a runtime thread.
  void stop() { log_->stop(); }
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
  [[nodiscard]] Result<void> open_log();
  // The closed log that the fleet's state names; null: it names another.
  [[nodiscard]] trustchain::CtLog* restored() const;
  [[nodiscard]] Result<void> room(std::size_t size) const;
  [[nodiscard]] Task<> refresh();

  Parts parts_;
  std::vector<std::unique_ptr<Closed>> closed_;
  std::unique_ptr<store::KeyValueStore> database_;
  std::optional<trustchain::LocalLogStore> store_;
  std::optional<trustchain::LogIndex> index_;
  std::unique_ptr<trustchain::CtLog> log_;
  Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace i2::node
