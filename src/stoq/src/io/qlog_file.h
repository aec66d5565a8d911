// qlog traces as files, one for each connection, of bounded number and size.
#pragma once

#include <i2/base/error.h>
#include <i2/stoq/core/qlog.h>
#include <i2/stoq/transport.h>

#include <filesystem>
#include <mutex>

namespace i2::stoq::io {

// Makes <directory>/<time>-<name>.sqlog, mode 0600, and removes the oldest of them when there are
// more than `files_max`. Thread-safe. Writing blocks the worker now and then: traces are for
// looking into something, not for every day.
class QlogDirectory {
 public:
  // Makes the directory. Error: stoq.qlog.
  [[nodiscard]] static Result<std::shared_ptr<QlogDirectory>> open(const QlogConfig& config);
  explicit QlogDirectory(QlogConfig config) : config_(std::move(config)) {}

  // Null when the file cannot be made.
  [[nodiscard]] std::unique_ptr<core::QlogSink> make(const std::string& name);

 private:
  void remove_oldest();

  const QlogConfig config_;
  std::mutex mutex_;
};

}  // namespace i2::stoq::io
