// Giving up the rights of root.
#pragma once

#include <i2/base/error.h>

#include <filesystem>
#include <string>

namespace i2::node {

// Makes the process run as `user` for good, with its groups, no way back and no capability but
// CAP_NET_BIND_SERVICE. A data directory that is not there is made for the user first, mode 0700.
// Nothing happens when the process is that user already. Before the process has a second thread.
// Errors: node.user_unknown, node.user_denied (not started as root), node.file_failed.
[[nodiscard]] Result<void> become_user(const std::string& user,
                                       const std::filesystem::path& data_dir);

}  // namespace i2::node
