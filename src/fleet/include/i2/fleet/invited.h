// Joining by invite, as far as it concerns the data directory (docs/wire/join.md has the rest).
//
//   begin()  ──▶ keys in memory ──▶ [the server has shown who it is] ──▶ keep() ──▶ request sent
//   ──▶ [accepted, state complete] ──▶ commit(): from here on the directory is a node
//
// A process that dies between keep() and commit() may already be a member. The next one with the
// same invite finds its keys, and the fleet answers the same identity again.
#pragma once

#include <i2/fleet/core/join_exchange.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/membership.h>

#include <optional>
#include <variant>

namespace i2::fleet {

class InvitedNode {
 public:
  // Locks the directory for as long as the object lives. If it is a node of that fleet already, its
  // summary. `replace`: commit() puts the only node of another fleet aside. Errors:
  // fleet.already_member, node.data_dir_*, node.file_failed, crypto.*.
  [[nodiscard]] static Result<std::variant<InvitedNode, NodeSummary>> begin(
      const std::filesystem::path& data_dir, const InviteToken& token, bool replace = false);

  [[nodiscard]] const trustchain::HybridKey& identity() const { return identity_; }
  // Whether the keys are those of an earlier attempt, which may have made it a member.
  [[nodiscard]] bool resumed() const { return resumed_; }
  // The keys, on disk. Errors: node.disk_full, node.file_failed.
  [[nodiscard]] Result<void> keep() const;
  // Makes the directory the node. `leaf_key`: of the certificate. Errors: crypto.sign, store.*,
  // node.disk_full, node.file_failed; then it can be repeated with the same invite.
  [[nodiscard]] Result<NodeSummary> commit(const JoinClient::Joined& joined,
                                           const crypto::PrivateKey& leaf_key) const;

 private:
  InvitedNode(std::filesystem::path dir, DataDirLock lock, const InviteToken& token,
              InviteId invite, trustchain::HybridKey identity, bool resumed, bool replaces);

  std::filesystem::path dir_;
  DataDirLock lock_;
  std::vector<PeerHint> inviters_;
  InviteId invite_;
  trustchain::HybridKey identity_;
  bool resumed_;
  bool replaces_;
};

}  // namespace i2::fleet
