// What an operator has at hand: its keys in a directory, and the operations it makes with them.
//
// The command line signs, the daemon only passes on what is signed. The daemon itself signs one
// thing with keys that are where `init` has put them: the next anchor of its own authority.
#pragma once

#include <i2/fleet/core/fleet_operations.h>
#include <i2/fleet/core/invite_token.h>

#include <filesystem>

namespace i2::fleet {

// operator.falcon.pem and operator.ed25519.pem in `dir` (of a founder: <data-dir>/identity).
// Errors: fleet.no_operator_keys, fleet.identity_damaged, node.secret_exposed, node.file_failed.
[[nodiscard]] Result<trustchain::HybridKey> read_operator_key(const std::filesystem::path& dir);
// A new pair in `dir`, which is made when it is not there, and its public half in
// operator.public, for those who are to make it an operator. Errors: fleet.operator_exists,
// node.disk_full, node.file_failed.
[[nodiscard]] Result<trustchain::HybridKey> make_operator_key(const std::filesystem::path& dir);
// The contents of operator.public. Errors: fleet.operator_public_invalid, node.file_missing,
// node.file_failed.
[[nodiscard]] Result<trustchain::HybridPublicKey> read_operator_public(
    const std::filesystem::path& file);

// An operation that waits for approvals, in a file. Errors: fleet.operation_malformed,
// node.disk_full, node.file_missing, node.file_failed.
[[nodiscard]] Result<void> write_operation(const std::filesystem::path& file,
                                           const Operation& operation);
[[nodiscard]] Result<Operation> read_operation(const std::filesystem::path& file);

// A fresh invite: what the ledger gets and what the newcomer gets.
struct NewInvite {
  CreateInvite operation;
  InviteToken token;
};
struct InviteTerms {
  ChainId chain_id;
  Hash256 root_fingerprint{};
  std::vector<PeerHint> peers;
  UnixMillis expiry = 0;
  std::uint32_t uses = 1;
  std::string tag;
};
// Error: crypto.*.
[[nodiscard]] Result<NewInvite> make_invite(const InviteTerms& terms);

// Moves the root's keys out of a data directory: copies them to `to`, which must not have any,
// reads the copies back, and removes the originals. Errors: fleet.root_absent, fleet.root_exists,
// fleet.identity_damaged, node.disk_full, node.file_failed.
[[nodiscard]] Result<void> export_root(const std::filesystem::path& data_dir,
                                       const std::filesystem::path& to);

}  // namespace i2::fleet
