#include "http_token.h"

#include <i2/crypto/hash.h>
#include <i2/crypto/secret.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <string_view>

#include "secret_file.h"

namespace i2::node {
namespace {

constexpr std::string_view kPrefix = "i2_";
constexpr std::size_t kSizeMax = 256;

Result<void> make_file(const std::filesystem::path& path, Rng& rng) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  return write_secret(path, as_bytes(make_token(rng) + "\n"));
}

}  // namespace

std::string make_token(Rng& rng) {
  Bytes secret(32);
  rng.fill(secret);
  const crypto::SecretBytes owner(std::move(secret));
  return std::string(kPrefix) + wire::to_base32(owner.view());
}

Result<Hash256> load_token(const std::filesystem::path& path, Rng& rng) {
  if (::access(path.c_str(), F_OK) != 0) {
    I2_TRY(make_file(path, rng));
  }
  I2_TRY_VALUE(const crypto::SecretBytes secret, read_secret(path, kSizeMax));
  std::string_view text = as_text(secret.view());
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  if (text.size() < 20) {
    return fail("node.file_failed",
                "'" + path.string() + "' holds no token: remove it to have a new one made");
  }
  return crypto::sha256(as_bytes(text));
}

}  // namespace i2::node
