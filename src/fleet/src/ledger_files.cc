#include "ledger_files.h"

#include <algorithm>

#include "layout.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPemSizeMax = 64 * 1024;
constexpr std::string_view kCertificateHeader = "-----BEGIN CERTIFICATE-----";

std::unexpected<Error> damaged(const fs::path& path, const Error& cause) {
  return fail("fleet.ledger_damaged", "'" + path.string() + "' is damaged (" + cause.message() +
                                          "); restore it from a backup or from another node");
}

Result<crypto::PrivateKey> read_key(const fs::path& path) {
  I2_TRY_VALUE(const auto pem, read_secret(path, kPemSizeMax));
  auto key = crypto::PrivateKey::from_pem(as_text(pem.view()));
  if (!key) {
    return fail("fleet.identity_damaged", "'" + path.string() + "' is not a usable key (" +
                                              key.error().message() +
                                              "); restore it from a backup");
  }
  return *std::move(key);
}

// Reads every file of a directory with `parse`. A file that is not accepted stops the reading: a
// node that knows only a part of its fleet would refuse members without a reason anybody could see.
template <class Record>
Result<std::vector<Record>> read_records(const fs::path& dir, std::size_t size_max,
                                         std::size_t count_max, Result<Record> (*parse)(ByteView)) {
  I2_TRY_VALUE(const auto paths, list_files(dir));
  if (paths.size() > count_max) {
    return fail("fleet.ledger_damaged",
                "'" + dir.string() + "' has more than " + std::to_string(count_max) + " records");
  }
  std::vector<Record> out;
  out.reserve(paths.size());
  for (const fs::path& path : paths) {
    I2_TRY_VALUE(const Bytes bytes, read_file(path, size_max));
    auto record = parse(bytes);
    if (!record) {
      return damaged(path, record.error());
    }
    out.push_back(*std::move(record));
  }
  return out;
}

}  // namespace

Result<trustchain::HybridKey> read_pair(const fs::path& falcon, const fs::path& ed25519) {
  I2_TRY_VALUE(auto falcon_key, read_key(falcon));
  I2_TRY_VALUE(auto ed25519_key, read_key(ed25519));
  auto pair = trustchain::HybridKey::from_keys(std::move(falcon_key), std::move(ed25519_key));
  if (!pair) {
    return fail("fleet.identity_damaged", "'" + falcon.string() + "' and '" + ed25519.string() +
                                              "': " + pair.error().message());
  }
  return pair;
}

Result<crypto::PrivateKey> read_falcon_key(const fs::path& path) {
  I2_TRY_VALUE(auto key, read_key(path));
  if (key.algorithm() != crypto::SignatureAlgorithm::kFalcon1024) {
    return fail("fleet.identity_damaged", "'" + path.string() + "' is not a Falcon-1024 key");
  }
  return key;
}

Result<void> require_node(const fs::path& dir) {
  I2_TRY_VALUE(const DataDirState state, inspect_data_dir(dir));
  switch (state) {
    case DataDirState::kComplete:
      return {};
    case DataDirState::kInterrupted:
      return fail("fleet.setup_interrupted", "setting up '" + dir.string() +
                                                 "' was interrupted: run the same 'i2 init' or "
                                                 "'i2 join' again");
    case DataDirState::kEmpty:
      break;
  }
  return fail("fleet.not_joined",
              "there is no node in '" + dir.string() + "': run 'i2 init' or 'i2 join'");
}

std::shared_ptr<const trustchain::AnchorRecord> find_anchor(const MemberSet& set,
                                                            const crypto::PublicKey& key) {
  const Bytes& wanted = key.spki();
  for (const auto& anchor : set.anchors()) {
    if (equal(anchor->certificate.public_key().spki(), wanted)) {
      return anchor;
    }
  }
  return nullptr;
}

Result<MemberSet> read_ledger(const fs::path& dir) {
  I2_TRY_VALUE(const DataDirVersion version, read_version(dir));
  const fs::path genesis_path = dir / kGenesisFile;
  I2_TRY_VALUE(const Bytes genesis_bytes, read_file(genesis_path, kGenesisSizeMax));
  auto genesis = decode_genesis(genesis_bytes);
  if (!genesis) {
    return damaged(genesis_path, genesis.error());
  }
  if (fleet::chain_id(*genesis) != version.chain_id) {
    return fail("fleet.ledger_damaged", "'" + genesis_path.string() +
                                            "' is the genesis of another fleet than VERSION names");
  }
  I2_TRY_VALUE(const auto anchors, read_records(dir / kAnchorsDir, kAnchorSizeMax, kAnchorsMax,
                                                trustchain::decode_anchor));
  I2_TRY_VALUE(const auto members,
               read_records(dir / kMembersDir, kMemberSizeMax, kMembersMax, decode_member));
  auto set = MemberSet::create(*std::move(genesis), anchors, members);
  if (!set) {
    return damaged(dir / kLedgerDir, set.error());
  }
  return set;
}

Result<std::vector<PeerHint>> read_peers(const fs::path& dir) {
  const fs::path path = dir / kPeersFile;
  I2_TRY_VALUE(const Bytes bytes, read_file(path, kPemSizeMax));
  auto hints = decode_hints(bytes);
  if (!hints) {
    return damaged(path, hints.error());
  }
  return hints;
}

Result<StoredLeaf> read_leaf(const fs::path& dir) {
  const fs::path path = dir / kLeafFile;
  I2_TRY_VALUE(const auto pem, read_secret(path, kPemSizeMax));
  const std::string_view text = as_text(pem.view());
  const std::size_t split = std::min(text.find(kCertificateHeader), text.size());
  auto key =
      crypto::PrivateKey::from_pem(text.substr(0, split), crypto::FalconArithmetic::kNativeDouble);
  auto certificate = crypto::Certificate::from_pem(text.substr(split));
  if (!key || !certificate || !equal(key->public_key().spki(), certificate->public_key().spki())) {
    return fail("fleet.leaf_damaged",
                "'" + path.string() +
                    "' does not hold a key and its certificate; restore it from a "
                    "backup or provision this node again");
  }
  return StoredLeaf{.key = *std::move(key), .certificate = *std::move(certificate)};
}

std::string member_path(const Member& member) {
  return std::string(kMembersDir) + "/" + member.info.node_id.hex();
}

std::string anchor_path(const trustchain::AnchorRecord& anchor) {
  return std::string(kAnchorsDir) + "/" + to_hex(trustchain::id(anchor));
}

crypto::SecretBytes leaf_pem(const crypto::PrivateKey& key,
                             const crypto::Certificate& certificate) {
  const crypto::SecretBytes key_pem = key.pem();
  const std::string certificate_pem = certificate.pem();
  Bytes out;
  out.reserve(key_pem.size() + certificate_pem.size());
  append(out, key_pem.view());
  append(out, as_bytes(certificate_pem));
  return crypto::SecretBytes(std::move(out));
}

SetupContents node_contents(const NodeFiles& node) {
  SetupContents out;
  out.chain_id = fleet::chain_id(node.genesis);
  for (const std::string_view path :
       {kIdentityDir, kLeafDir, kLedgerDir, kAnchorsDir, kMembersDir}) {
    out.directories.emplace_back(path);
  }
  auto& files = out.files;
  files.push_back(secret_file(kNodeFalconFile, node.identity.falcon().pem()));
  files.push_back(secret_file(kNodeEd25519File, node.identity.ed25519().pem()));
  files.push_back(secret_file(kLeafFile, leaf_pem(node.leaf_key, node.leaf)));
  files.push_back(public_file(kBindingFile, node.binding));
  files.push_back(public_file(kGenesisFile, encode(node.genesis)));
  for (const trustchain::AnchorRecord& anchor : node.anchors) {
    files.push_back(public_file(anchor_path(anchor), encode(anchor)));
  }
  for (const Member& member : node.members) {
    files.push_back(public_file(member_path(member), encode(member)));
  }
  files.push_back(public_file(kPeersFile, encode(node.peers)));
  return out;
}

}  // namespace i2::fleet
