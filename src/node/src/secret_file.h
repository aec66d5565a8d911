// Small files with secrets, and folders of them: the daemon's user alone can read them.
#pragma once

#include <i2/base/error.h>
#include <i2/crypto/secret.h>

#include <filesystem>

namespace i2::node {

// A file of mode 0600 that is never half written; one that is there is replaced.
// Error: node.file_failed.
[[nodiscard]] Result<void> write_secret(const std::filesystem::path& path, ByteView secret);
// Errors: node.secret_exposed (group or others can use it), node.file_failed (also for one that is
// not smaller than `size_limit`).
[[nodiscard]] Result<crypto::SecretBytes> read_secret(const std::filesystem::path& path,
                                                      std::size_t size_limit);

// A folder that the daemon's user alone can look into, with those above it; one that is there
// becomes so. Error: node.file_failed.
[[nodiscard]] Result<void> make_private_folder(const std::filesystem::path& path);

}  // namespace i2::node
