// The API token of this node: whoever can read its file may write over HTTP.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/base/rng.h>

#include <filesystem>
#include <string>

namespace i2::node {

// 256 random bits as text: "i2_...".
[[nodiscard]] std::string make_token(Rng& rng);

// The SHA-256 of the token in `path`, which is made with 256 random bits (mode 0600) when it is not
// there; removing the file and restarting replaces it. Errors: node.secret_exposed,
// node.file_failed.
[[nodiscard]] Result<Hash256> load_token(const std::filesystem::path& path, Rng& rng);

}  // namespace i2::node
