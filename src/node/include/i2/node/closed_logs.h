// Transparency logs that came out of a backup: they sign nothing any more.
//
//   <data-dir>/ct/closed/<name>/log    the database
//   <data-dir>/ct/closed/<name>/keys   the public keys
#pragma once

#include <i2/base/error.h>

#include <filesystem>
#include <vector>

namespace i2::node {

// Their folders, by name.
// Error: node.file_failed.
[[nodiscard]] Result<std::vector<std::filesystem::path>> closed_logs(
    const std::filesystem::path& data_dir);

}  // namespace i2::node
