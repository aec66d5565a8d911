#include "qlog_file.h"

#include <fcntl.h>
#include <i2/rt/clock.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <format>
#include <vector>

namespace i2::stoq::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::string_view kEnding = ".sqlog";

class QlogFile final : public core::QlogSink {
 public:
  QlogFile(int descriptor, std::uint64_t size_max) : descriptor_(descriptor), left_(size_max) {}
  ~QlogFile() override {
    flush();
    ::close(descriptor_);
  }
  QlogFile(const QlogFile&) = delete;
  QlogFile& operator=(const QlogFile&) = delete;

  // A piece is one or more whole records, so a trace that has reached its size ends with one.
  void write(ByteView piece) override {
    if (piece.size() > left_) {
      left_ = 0;
      return;
    }
    left_ -= piece.size();
    buffer_.insert(buffer_.end(), piece.begin(), piece.end());
    if (buffer_.size() >= kBuffer) {
      flush();
    }
  }

 private:
  void flush() {
    std::size_t done = 0;
    while (done < buffer_.size()) {
      const ssize_t size = ::write(descriptor_, buffer_.data() + done, buffer_.size() - done);
      if (size < 0 && errno != EINTR) {
        left_ = 0;  // a full disk ends the trace, not the connection
        break;
      }
      done += size < 0 ? 0 : static_cast<std::size_t>(size);
    }
    buffer_.clear();
  }

  const int descriptor_;
  std::uint64_t left_;
  Bytes buffer_;
};

}  // namespace

Result<void> QlogDirectory::set(QlogConfig config) {
  if (!config.directory.empty()) {
    std::error_code error;
    fs::create_directories(config.directory, error);
    if (error || ::access(config.directory.c_str(), W_OK | X_OK) != 0) {
      return fail(errno_error("stoq.qlog", "write traces to '" + config.directory.string() + "'",
                              error ? error.value() : errno));
    }
  }
  const std::scoped_lock lock(mutex_);
  config_ = std::move(config);
  is_on_ = !config_.directory.empty();
  return {};
}

std::unique_ptr<core::QlogSink> QlogDirectory::make(const std::string& name) {
  if (!is_on_) {
    return nullptr;
  }
  const std::scoped_lock lock(mutex_);
  // The time first: names sort by age.
  const fs::path path =
      config_.directory / std::format("{}-{}{}", rt::SystemClock().unix_now(), name, kEnding);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return nullptr;
  }
  auto out = std::make_unique<QlogFile>(descriptor, config_.size_max);
  remove_oldest();
  return out;
}

void QlogDirectory::remove_oldest() {
  std::vector<fs::path> traces;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(config_.directory, error)) {
    if (entry.path().extension() == kEnding) {
      traces.push_back(entry.path());
    }
  }
  std::ranges::sort(traces);
  for (std::size_t i = 0; i + config_.files_max < traces.size(); ++i) {
    fs::remove(traces[i], error);
  }
}

}  // namespace i2::stoq::io
