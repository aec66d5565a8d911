// The files of a data directory as values: keys, records, the leaf.
#pragma once

#include <i2/fleet/core/member_set.h>
#include <i2/fleet/core/peer_hint.h>
#include <i2/trustchain/core/hybrid.h>

#include <filesystem>
#include <string>
#include <vector>

#include "files.h"
#include "setup.h"

namespace i2::fleet {

// Errors of all of these: node.secret_exposed, node.file_missing, node.file_failed, and what is
// named.

// A PEM key pair. Error: fleet.identity_damaged.
[[nodiscard]] Result<trustchain::HybridKey> read_pair(const std::filesystem::path& falcon,
                                                      const std::filesystem::path& ed25519);
// A Falcon PEM key. Error: fleet.identity_damaged.
[[nodiscard]] Result<crypto::PrivateKey> read_falcon_key(const std::filesystem::path& path);

// Errors: fleet.not_joined, fleet.setup_interrupted, node.data_dir_*.
[[nodiscard]] Result<void> require_node(const std::filesystem::path& dir);

// The anchor record for a key; null when the fleet has none.
[[nodiscard]] std::shared_ptr<const trustchain::AnchorRecord> find_anchor(
    const MemberSet& set, const crypto::PublicKey& key);

// Genesis, anchors and members, verified, and that they are of the chain VERSION names.
// Error: fleet.ledger_damaged.
[[nodiscard]] Result<MemberSet> read_ledger(const std::filesystem::path& dir);
// Error: fleet.ledger_damaged.
[[nodiscard]] Result<std::vector<PeerHint>> read_peers(const std::filesystem::path& dir);

struct StoredLeaf {
  crypto::PrivateKey key;
  crypto::Certificate certificate;
};
// Error: fleet.leaf_damaged.
[[nodiscard]] Result<StoredLeaf> read_leaf(const std::filesystem::path& dir);

// Where a member's or anchor's record lives, below the data directory.
[[nodiscard]] std::string member_path(const Member& member);
[[nodiscard]] std::string anchor_path(const trustchain::AnchorRecord& anchor);

// Key and certificate in one file, so that they change together.
[[nodiscard]] crypto::SecretBytes leaf_pem(const crypto::PrivateKey& key,
                                           const crypto::Certificate& certificate);

// The files of a node, for both ways to become one.
struct NodeFiles {
  const trustchain::HybridKey& identity;
  const crypto::PrivateKey& leaf_key;
  const crypto::Certificate& leaf;
  const Bytes& binding;
  const Genesis& genesis;
  std::span<const trustchain::AnchorRecord> anchors;
  std::span<const Member> members;
  const std::vector<PeerHint>& peers;
};
[[nodiscard]] SetupContents node_contents(const NodeFiles& node);

}  // namespace i2::fleet
