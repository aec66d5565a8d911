// qlog traces as files, one for each connection, of bounded number and size.
#pragma once

#include <i2/base/error.h>
#include <i2/stoq/core/qlog.h>
#include <i2/stoq/transport.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace i2::stoq::io {

// Makes <directory>/<time>-<name>.sqlog, mode 0600, and removes the oldest of them when there are
// more than `files_max`. Thread-safe. Writing blocks the worker now and then: traces are for
// looking into something, not for every day.
class QlogDirectory {
 public:
  // For connections that begin from now on; without a directory there are no traces. Makes the
  // directory. Error: stoq.qlog, and nothing changes.
  [[nodiscard]] Result<void> set(QlogConfig config);
  // Null when there are to be no traces or the file cannot be made.
  [[nodiscard]] std::unique_ptr<core::QlogSink> make(const std::string& name);

 private:
  void remove_oldest();

  std::atomic<bool> is_on_{false};
  std::mutex mutex_;
  QlogConfig config_;
};

}  // namespace i2::stoq::io
