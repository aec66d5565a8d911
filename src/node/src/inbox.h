// The received files: <inbox>/<sender>/<name>. The receiver (file_transfer.h) writes them; names
// that start with a dot are its unfinished parts.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>

#include <filesystem>
#include <string>
#include <vector>

namespace i2::node {

struct ReceivedFile {
  std::filesystem::path path;
  std::string name;
  std::string sender;
  std::uint64_t size = 0;
  UnixMillis received_at = 0;
};

// Oldest first, at most `count_max`. An inbox that does not exist is empty. Error:
// node.file_failed.
[[nodiscard]] Result<std::vector<ReceivedFile>> list_inbox(const std::filesystem::path& inbox,
                                                           std::size_t count_max);

}  // namespace i2::node
