// What the system says about files, for those who write them here.
#pragma once

#include <i2/base/error.h>

#include <filesystem>
#include <string_view>

namespace i2::store {

// store.disk_full or store.failed: "cannot write '/a/b': ...".
[[nodiscard]] Error file_error(std::string_view doing, const std::filesystem::path& path,
                               int number);
// Makes the directory entry of `path` durable. Error: store.failed.
[[nodiscard]] Result<void> sync_parent(const std::filesystem::path& path);

}  // namespace i2::store
