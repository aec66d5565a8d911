#include <i2/fleet/authority_keys.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

#include "layout.h"
#include "ledger_files.h"
#include "ordinary_files.h"
#include "serial.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using crypto::PrivateKey;
using crypto::SignatureAlgorithm;

constexpr std::size_t kEcdsaKeySizeMax = 64 * 1024;

Result<PrivateKey> read_ecdsa_key(const fs::path& path) {
  I2_TRY_VALUE(const auto pem, read_secret(path, kEcdsaKeySizeMax));
  auto key = PrivateKey::from_pem(as_text(pem.view()));
  if (!key || key->public_key().algorithm() != SignatureAlgorithm::kEcdsaP256) {
    return fail("fleet.identity_damaged", "'" + path.string() + "' is not a P-256 key");
  }
  return key;
}

struct AskedKeys {
  PrivateKey anchor;
  PrivateKey ordinary;
};

Result<AskedKeys> make_asked_keys(const fs::path& dir) {
  const FileWriter writer;
  AskedKeys out;
  I2_TRY(writer.make_directory(dir / kCaDir));
  if (!is_present(dir / kAskedFalconFile)) {
    I2_TRY_VALUE(const auto key, PrivateKey::generate(SignatureAlgorithm::kFalcon1024));
    I2_TRY(writer.write(dir / kAskedFalconFile, key.pem().view(), kSecretMode));
  }
  if (!is_present(dir / kAskedEcdsaFile)) {
    I2_TRY_VALUE(const auto key, PrivateKey::generate(SignatureAlgorithm::kEcdsaP256));
    I2_TRY(writer.write(dir / kAskedEcdsaFile, key.pem().view(), kSecretMode));
  }
  I2_TRY_VALUE(out.anchor, read_falcon_key(dir / kAskedFalconFile));
  I2_TRY_VALUE(out.ordinary, read_ecdsa_key(dir / kAskedEcdsaFile));
  return out;
}

// The certificate that clients have for the root, or another one of the same name and key.
Result<crypto::Certificate> root_certificate(const fs::path& data_dir, const PrivateKey& key,
                                             std::string_view fleet_name, UnixMillis now) {
  if (is_present(data_dir / kOrdinaryCaFile)) {
    I2_TRY_VALUE(auto stored, read_key_and_certificates(data_dir / kOrdinaryCaFile));
    return std::move(stored.certificates.back());
  }
  I2_TRY_VALUE(auto made, trustchain::make_ordinary_authority(key, fleet_name, now, random_serial));
  return std::move(made.root);
}

// The one of the anchor goes last: who finds it asks for both.
Result<void> remove_asked_keys(const fs::path& dir) {
  const FileWriter writer;
  for (const std::string_view file : {kAskedEcdsaFile, kAskedFalconFile}) {
    if (is_present(dir / file)) {
      I2_TRY(writer.remove(dir / file));
    }
  }
  return {};
}

// It signs lists and OCSP answers for what it has issued (ordinary_certificates.h).
Result<void> keep_former_intermediate(const fs::path& dir, const PrivateKey& next) {
  if (!is_present(dir / kOrdinaryCaFile)) {
    return {};
  }
  I2_TRY_VALUE(const auto present, read_key_and_certificates(dir / kOrdinaryCaFile));
  if (present.key.public_key().spki() == next.public_key().spki()) {
    return {};  // installed before this was interrupted
  }
  return FileWriter().write(dir / kFormerOrdinaryCaFile,
                            key_and_certificates_pem(present.key, present.certificates).view(),
                            kSecretMode);
}

}  // namespace

Result<AuthorityRequest> request_authority(const fs::path& data_dir, bool renew, UnixMillis now) {
  I2_TRY(require_node(data_dir));
  if (is_present(data_dir / kAnchorKeyFile) && !renew) {
    return fail("fleet.authority_present", "'" + data_dir.string() +
                                               "' has the keys of an authority already: ask with "
                                               "--renew for new ones");
  }
  I2_TRY_VALUE(const auto set, read_ledger(data_dir));
  I2_TRY_VALUE(const auto identity,
               read_pair(data_dir / kNodeFalconFile, data_dir / kNodeEd25519File));
  I2_TRY_VALUE(const AskedKeys keys, make_asked_keys(data_dir));
  const UnixMillis from = (now - std::min(now, trustchain::kLeafBackdateMs)) / 1000 * 1000;
  AuthorityRequest out;
  out.chain_id = set.chain_id();
  I2_TRY_VALUE(out.anchor,
               trustchain::make_anchor_certificate(
                   keys.anchor, from, from + trustchain::kAnchorLifeMs, random_serial()));
  I2_TRY_VALUE(out.ordinary, crypto::CertificateRequest::create(keys.ordinary, "i2 issuer"));
  I2_TRY(sign_request(out, identity));
  return out;
}

bool has_root(const fs::path& data_dir) {
  return is_present(data_dir / kRootFalconFile);
}

Result<AuthorityGrant> grant_authority(const fs::path& data_dir, const fs::path& root_dir,
                                       const AuthorityRequest& request, UnixMillis now) {
  I2_TRY(require_node(data_dir));
  I2_TRY_VALUE(const auto set, read_ledger(data_dir));
  const fs::path dir = root_dir.empty() ? data_dir / kRootDir : root_dir;
  const auto file = [&dir](std::string_view name) { return dir / fs::path(name).filename(); };
  if (!is_present(file(kRootFalconFile))) {
    return fail("fleet.root_absent", "the root's keys are not in '" + dir.string() +
                                         "': name their directory with --root");
  }
  RootKeys root;
  I2_TRY_VALUE(root.pair, read_pair(file(kRootFalconFile), file(kRootEd25519File)));
  I2_TRY_VALUE(root.ecdsa, read_ecdsa_key(file(kRootEcdsaFile)));
  I2_TRY_VALUE(root.certificate,
               root_certificate(data_dir, root.ecdsa, set.genesis().fleet_name, now));
  return make_grant(request, set.genesis(), root, now, random_serial);
}

Result<void> install_authority(const fs::path& data_dir, const AuthorityGrant& grant) {
  I2_TRY(require_node(data_dir));
  I2_TRY_VALUE(const auto set, read_ledger(data_dir));
  I2_TRY_VALUE(const auto identity,
               read_pair(data_dir / kNodeFalconFile, data_dir / kNodeEd25519File));
  const NodeId self = trustchain::node_id(identity.public_key());
  if (is_present(data_dir / kAnchorKeyFile)) {
    I2_TRY_VALUE(const auto anchor, read_falcon_key(data_dir / kAnchorKeyFile));
    I2_TRY_VALUE(const auto ordinary, read_key_and_certificates(data_dir / kOrdinaryCaFile));
    const auto installed =
        verify_grant(grant, set.genesis(), self, anchor.public_key(), ordinary.key.public_key());
    if (installed) {
      return remove_asked_keys(data_dir);
    }
    if (!is_present(data_dir / kAskedFalconFile)) {
      return installed;
    }
  } else if (!is_present(data_dir / kAskedFalconFile)) {
    return fail("fleet.authority_grant_invalid",
                "this node has not asked to be an authority: `i2 authority request` comes first");
  }
  I2_TRY_VALUE(const AskedKeys keys, make_asked_keys(data_dir));
  I2_TRY(verify_grant(grant, set.genesis(), self, keys.anchor.public_key(),
                      keys.ordinary.public_key()));
  I2_TRY(keep_former_intermediate(data_dir, keys.ordinary));
  // The anchor's key last: with it the node is an authority.
  const crypto::Certificate chain[] = {grant.ordinary, grant.ordinary_root};
  const FileWriter writer;
  I2_TRY(writer.write(data_dir / kOrdinaryCaFile,
                      key_and_certificates_pem(keys.ordinary, chain).view(), kSecretMode));
  I2_TRY(writer.write(data_dir / kAnchorKeyFile, keys.anchor.pem().view(), kSecretMode));
  return remove_asked_keys(data_dir);
}

Result<void> write_request(const fs::path& file, const AuthorityRequest& request) {
  return FileWriter().write(file, encode(request), kPublicMode);
}

Result<AuthorityRequest> read_request(const fs::path& file) {
  I2_TRY_VALUE(const Bytes bytes, read_file(file, kAuthorityRequestSizeMax));
  return decode_authority_request(bytes);
}

Result<void> write_grant(const fs::path& file, const AuthorityGrant& grant) {
  return FileWriter().write(file, encode(grant), kPublicMode);
}

Result<AuthorityGrant> read_grant(const fs::path& file) {
  I2_TRY_VALUE(const Bytes bytes, read_file(file, kAuthorityGrantSizeMax));
  return decode_authority_grant(bytes);
}

}  // namespace i2::fleet
