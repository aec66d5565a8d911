#include "inbox.h"

#include <sys/stat.h>

#include <algorithm>

namespace i2::node {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) {
  return path.filename().native().starts_with('.');
}

void add_sender(const fs::path& folder, std::vector<ReceivedFile>& out) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    struct stat status{};
    if (is_hidden(entry.path()) || ::lstat(entry.path().c_str(), &status) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    out.push_back({.path = entry.path(),
                   .name = entry.path().filename().string(),
                   .sender = folder.filename().string(),
                   .size = static_cast<std::uint64_t>(status.st_size),
                   // The last change of the inode is its renaming to the final name.
                   .received_at = static_cast<UnixMillis>(status.st_ctim.tv_sec) * 1000 +
                                  static_cast<UnixMillis>(status.st_ctim.tv_nsec) / kMillisecond});
  }
}

}  // namespace

Result<std::vector<ReceivedFile>> list_inbox(const fs::path& inbox, std::size_t count_max) {
  std::vector<ReceivedFile> out;
  std::error_code error;
  fs::directory_iterator senders(inbox, error);
  if (error) {
    if (error == std::errc::no_such_file_or_directory) {
      return out;
    }
    return fail(errno_error("node.file_failed", "read '" + inbox.string() + "'", error.value()));
  }
  for (const auto& sender : senders) {
    if (!is_hidden(sender.path()) && sender.is_directory(error)) {
      add_sender(sender.path(), out);
    }
  }
  std::ranges::sort(out, {},
                    [](const ReceivedFile& f) { return std::pair(f.received_at, f.path); });
  if (out.size() > count_max) {
    out.resize(count_max);
  }
  return out;
}

}  // namespace i2::node
