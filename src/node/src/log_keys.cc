#include "log_keys.h"

#include <i2/trustchain/core/ct/checkpoint.h>

#include <system_error>

#include "secret_file.h"

namespace i2::node {
namespace {

using crypto::PrivateKey;
using crypto::SignatureAlgorithm;
using trustchain::ct::NoteKeyType;
using trustchain::ct::NoteSigner;

constexpr std::size_t kKeyFileMax = 16 * 1024;

// The Falcon key signs every checkpoint, and with it alone nobody can sign one (decision 0016).
constexpr auto kArithmetic = crypto::FalconArithmetic::kNativeDouble;

Result<PrivateKey> load_key(const std::filesystem::path& path, SignatureAlgorithm algorithm,
                            bool may_make) {
  std::error_code error;
  if (may_make && !std::filesystem::exists(path, error)) {
    I2_TRY_VALUE(PrivateKey made, PrivateKey::generate(algorithm, kArithmetic));
    I2_TRY(write_secret(path, made.pem().view()));
    return made;
  }
  I2_TRY_VALUE(const crypto::SecretBytes pem, read_secret(path, kKeyFileMax));
  return PrivateKey::from_pem(as_text(pem.view()), kArithmetic);
}

}  // namespace

Result<LogKeys> load_log_keys(const std::filesystem::path& dir, const std::string& origin,
                              bool may_make) {
  LogKeys out;
  I2_TRY_VALUE(out.key, load_key(dir / "log.pem", SignatureAlgorithm::kEcdsaP256, may_make));
  const auto add = [&](const char* name, SignatureAlgorithm algorithm,
                       NoteKeyType type) -> Result<void> {
    I2_TRY_VALUE(PrivateKey key, load_key(dir / name, algorithm, may_make));
    I2_TRY_VALUE(NoteSigner signer, NoteSigner::make(origin, type, std::move(key)));
    out.cosigners.push_back(std::move(signer));
    return {};
  };
  I2_TRY(add("ml-dsa.pem", SignatureAlgorithm::kMlDsa44, NoteKeyType::kMlDsa44Cosignature));
  I2_TRY(add("falcon.pem", SignatureAlgorithm::kFalcon1024, NoteKeyType::kFalconCosignature));
  return out;
}

Result<std::vector<trustchain::ct::NoteKey>> read_public_log_keys(
    const std::filesystem::path& path) {
  I2_TRY_VALUE(const crypto::SecretBytes file, read_secret(path, kKeyFileMax));
  std::vector<trustchain::ct::NoteKey> out;
  std::string_view text = as_text(file.view());
  for (std::size_t end = 0; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
    I2_TRY_VALUE(auto key, trustchain::ct::NoteKey::parse(text.substr(0, end)));
    out.push_back(std::move(key));
  }
  return out.empty() ? Result<std::vector<trustchain::ct::NoteKey>>(
                           fail("trust.note_key", "'" + path.string() + "' names no key"))
                     : std::move(out);
}

std::string public_log_keys(const LogKeys& keys, const std::string& origin) {
  // The name and the key were good when the first checkpoint was signed.
  std::string out =
      trustchain::ct::NoteKey::make(origin, NoteKeyType::kTreeHead, keys.key.public_key())->vkey() +
      '\n';
  for (const NoteSigner& cosigner : keys.cosigners) {
    out += cosigner.key().vkey() + '\n';
  }
  return out;
}

}  // namespace i2::node
