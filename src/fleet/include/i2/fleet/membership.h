// How a machine becomes a node: found a fleet, make a bundle for a new member, use a bundle.
//
// The three commands work on files alone; no daemon has to run. Each may be killed at any moment:
// running it again completes or repeats it. Keys are made here and never leave the directory,
// except those that provision() makes for somebody else. They take `now` from the caller.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/crypto/x509.h>
#include <i2/fleet/core/peer_hint.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace i2::fleet {

struct NodeSummary {
  std::string fleet_name;
  std::string node_name;
  ChainId chain_id;
  NodeId node_id;
  bool changed = true;  // false: it already was so
};

// The node of a data directory. Errors: fleet.not_joined, fleet.setup_interrupted,
// fleet.ledger_damaged, fleet.identity_damaged, fleet.leaf_damaged, node.*.
[[nodiscard]] Result<NodeSummary> describe_node(const std::filesystem::path& data_dir);
// Its certificate among members. A daemon may run there. Errors: as describe_node().
[[nodiscard]] Result<crypto::Certificate> stored_certificate(const std::filesystem::path& data_dir);

struct InitOptions {
  std::filesystem::path data_dir;
  std::string fleet_name;
  std::string node_name;
  UnixMillis now = 0;
};

// Founds a fleet: root, first operator, issuing anchor and first node, all in one directory. Under
// a second. The same names again change nothing. Errors: fleet.name_invalid, fleet.already_member
// (another fleet or name lives there), node.data_dir_locked, node.data_dir_unrecognised,
// node.data_dir_version, node.disk_full, node.file_failed.
[[nodiscard]] Result<NodeSummary> init(const InitOptions& options);

struct ProvisionOptions {
  std::filesystem::path data_dir;  // of a node with operator keys and an issuing anchor
  std::string node_name;           // of the new member
  std::vector<PeerHint> peers;     // where it will find the fleet
  std::filesystem::path bundle;    // must not exist; written with mode 0600
  UnixMillis now = 0;
  // Signs the newcomer's first certificate where an authority runs, which records and logs it.
  // Nothing: it does not run, and the key in the data directory signs; the newcomer's peers let
  // such a certificate do nothing but be renewed once the fleet has a log.
  using FirstLeaf = Result<std::optional<crypto::Certificate>>;
  std::function<FirstLeaf(const crypto::CertificateRequest& request)> first_leaf{};
};

// Makes keys and a first certificate for a new member, writes them to `bundle` and registers the
// member in this node's ledger. A running daemon learns of it through TrustStore::reload_members().
// Errors: fleet.not_joined, fleet.name_invalid, fleet.name_taken, fleet.members_full,
// fleet.no_operator_keys, fleet.no_anchor, fleet.hint_refused, fleet.bundle_exists,
// node.secret_exposed, node.disk_full, node.file_failed.
[[nodiscard]] Result<NodeSummary> provision(const ProvisionOptions& options);

struct JoinOptions {
  std::filesystem::path data_dir;
  std::filesystem::path bundle;
  std::optional<ChainId> expected;  // refuse any other fleet
  bool replace = false;             // put a node aside that is alone in another fleet
};

// Makes this directory the node for whom the bundle was made. The same bundle again changes
// nothing. Errors: fleet.bundle_* (fleet/core/bundle.h), fleet.already_member, node.data_dir_*,
// node.secret_exposed (the bundle is readable by others), node.disk_full, node.file_missing,
// node.file_failed.
[[nodiscard]] Result<NodeSummary> join(const JoinOptions& options);

}  // namespace i2::fleet
