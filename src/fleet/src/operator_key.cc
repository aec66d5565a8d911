#include <i2/crypto/random.h>
#include <i2/fleet/operator_key.h>

#include <array>

#include "files.h"
#include "layout.h"
#include "ledger_files.h"
#include "setup.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFalconName = "operator.falcon.pem";
constexpr std::string_view kEd25519Name = "operator.ed25519.pem";
constexpr std::string_view kPublicName = "operator.public";
constexpr std::uint16_t kPublicType = 0x0211;
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kPublicSizeMax = 8192;
constexpr std::size_t kKeySizeMax = 64 * 1024;
constexpr std::size_t kSeedSize = 32;

constexpr std::array kRootFiles{kRootFalconFile, kRootEd25519File, kRootEcdsaFile};

std::string already_there(const fs::path& path) {
  return "'" + path.string() + "' is there already: choose another directory";
}

}  // namespace

Result<trustchain::HybridKey> read_operator_key(const fs::path& dir) {
  if (!is_present(dir / kFalconName)) {
    return fail("fleet.no_operator_keys",
                "'" + dir.string() +
                    "' has no operator keys: run this where an operator works, or "
                    "name their directory with --operator");
  }
  return read_pair(dir / kFalconName, dir / kEd25519Name);
}

Result<trustchain::HybridKey> make_operator_key(const fs::path& dir) {
  I2_TRY_VALUE(auto key, trustchain::HybridKey::generate());
  I2_TRY(make_data_dir(dir));
  const FileWriter writer;
  I2_TRY(writer.write_new(dir / kFalconName, key.falcon().pem().view(), kSecretMode,
                          Error("fleet.operator_exists", already_there(dir / kFalconName))));
  I2_TRY(writer.write_new(dir / kEd25519Name, key.ed25519().pem().view(), kSecretMode,
                          Error("fleet.operator_exists", already_there(dir / kEd25519Name))));
  wire::CanonicalWriter w(kPublicType, kVersion);
  write(w, key.public_key());
  I2_TRY(writer.write(dir / kPublicName, std::move(w).take(), kPublicMode));
  return key;
}

Result<trustchain::HybridPublicKey> read_operator_public(const fs::path& file) {
  I2_TRY_VALUE(const Bytes bytes, read_file(file, kPublicSizeMax));
  wire::CanonicalReader r(bytes, kPublicType, kVersion);
  auto key = trustchain::read_public_key(r);
  if (!r.finish()) {
    return fail("fleet.operator_public_invalid",
                "'" + file.string() + "' is not an operator.public of `i2 operator new`");
  }
  return key;
}

Result<void> write_operation(const fs::path& file, const Operation& operation) {
  return FileWriter().write(file, encode(operation), kPublicMode);
}

Result<Operation> read_operation(const fs::path& file) {
  I2_TRY_VALUE(const Bytes bytes, read_file(file, kOperationSizeMax));
  return decode_operation(bytes);
}

Result<NewInvite> make_invite(const InviteTerms& terms) {
  NewInvite out;
  out.token = {.chain_id = terms.chain_id,
               .root_fingerprint = terms.root_fingerprint,
               .peers = terms.peers,
               .seed = crypto::SecretBytes(kSeedSize),
               .expiry = terms.expiry};
  crypto::random_bytes(out.token.seed.mutable_view());
  I2_TRY_VALUE(const auto key, invite_key(out.token));
  out.operation = {.invite = invite_id(key.public_key()),
                   .role = Role::kNode,
                   .expiry = terms.expiry,
                   .uses = terms.uses,
                   .tag = terms.tag};
  return out;
}

Result<void> export_root(const fs::path& data_dir, const fs::path& to) {
  if (!is_present(data_dir / kRootFalconFile)) {
    return fail("fleet.root_absent", "the root's keys are not in '" + data_dir.string() +
                                         "': they were exported, or this node did not found the "
                                         "fleet");
  }
  I2_TRY(make_data_dir(to));
  const FileWriter writer;
  for (const std::string_view name : kRootFiles) {
    if (is_present(to / fs::path(name).filename())) {
      return fail("fleet.root_exists", already_there(to / fs::path(name).filename()));
    }
  }
  for (const std::string_view name : kRootFiles) {
    I2_TRY_VALUE(const auto key, read_secret(data_dir / name, kKeySizeMax));
    const fs::path copy = to / fs::path(name).filename();
    I2_TRY(writer.write_new(copy, key.view(), kSecretMode,
                            Error("fleet.root_exists", already_there(copy))));
    I2_TRY_VALUE(const auto written, read_secret(copy, kKeySizeMax));
    if (!equal(written.view(), key.view())) {
      return fail("fleet.identity_damaged", "'" + copy.string() + "' is not what was written");
    }
  }
  for (const std::string_view name : kRootFiles) {
    I2_TRY(writer.remove(data_dir / name));
  }
  return {};
}

}  // namespace i2::fleet
