// MemberSet: who belongs to the fleet, as one immutable, fully verified snapshot, and the checks
// that a transport makes against it during a handshake.
//
// A set begins with records, each verified when it enters: the genesis by its root, anchors by the
// root, members by the operators. From the first block on it follows the replicated state, which
// also says who is no longer a member; a record that has not been ordered yet may be added to it.
// Immutable and safe to share between threads; a change makes a new set, which shares its records
// with the old one.
#pragma once

#include <i2/fleet/core/fleet_state.h>
#include <i2/fleet/core/state_tree.h>
#include <i2/ports/trust.h>
#include <i2/trustchain/core/anchor.h>
#include <i2/trustchain/core/binding.h>
#include <i2/trustchain/core/fleet_logs.h>
#include <i2/trustchain/core/misissuance.h>

#include <map>
#include <memory>
#include <set>
#include <span>

namespace i2::fleet {

inline constexpr std::size_t kAnchorsMax = 64;
inline constexpr std::size_t kMembersMax = 4096;
inline constexpr std::size_t kAnchorSizeMax = 16 * 1024;  // encoded

class MemberSet {
 public:
  // Errors: fleet.genesis_invalid, trust.anchor_invalid, and those of with().
  [[nodiscard]] static Result<MemberSet> create(Genesis genesis,
                                                std::span<const trustchain::AnchorRecord> anchors,
                                                std::span<const Member> members);

  // What the state at that height says. Error: fleet.state_invalid.
  [[nodiscard]] static Result<MemberSet> from_state(const StateTree& state, std::uint64_t height);
  // The set after a block that changed these keys of the state that this set follows, or after any
  // number of them. Error: fleet.state_invalid.
  [[nodiscard]] Result<MemberSet> after(const StateTree& state, std::uint64_t height,
                                        const std::set<Bytes>& changed) const;

  // This set and one more member. A record that is already there changes nothing.
  // Errors: fleet.member_foreign, fleet.member_signature, fleet.member_conflict (another record for
  // the same node), trust.member_revoked, fleet.name_taken, fleet.members_full.
  [[nodiscard]] Result<MemberSet> with(const Member& member) const;
  // This set and one more anchor. Errors: trust.anchor_invalid, fleet.anchors_full.
  [[nodiscard]] Result<MemberSet> with(const trustchain::AnchorRecord& anchor) const;

  [[nodiscard]] const Genesis& genesis() const { return *genesis_; }
  [[nodiscard]] const ChainId& chain_id() const { return chain_id_; }
  // The first member included.
  [[nodiscard]] std::size_t size() const { return members_.size(); }
  // Null when there is none. Valid as long as this set.
  [[nodiscard]] const MemberInfo* find(const NodeId& node) const;
  [[nodiscard]] const MemberInfo* find(std::string_view name) const;
  // Null unless the node once was a member and no longer is.
  [[nodiscard]] const RevokedRecord* find_revoked(const NodeId& node) const;
  // Ascending by node id; without the first member, which genesis admits. One that an invite
  // admitted has no signatures: the state vouches for it.
  [[nodiscard]] std::vector<std::shared_ptr<const Member>> records() const;
  [[nodiscard]] std::span<const std::shared_ptr<const trustchain::AnchorRecord>> anchors() const {
    return anchors_;
  }

  // As ports::PeerVerifier::check_leaf. An expired leaf must have been good until it expired; one
  // that only its log has not promised to include, or that states no height, is unlogged, so that
  // it can be renewed. One that the state does not authorise is untrusted.
  [[nodiscard]] Result<ports::LeafStanding> check_leaf(const crypto::Certificate& leaf,
                                                       UnixMillis now) const;
  // As ports::PeerVerifier::check_hello. In this order: form of the binding, membership
  // (trust.member_unknown, trust.member_revoked), binding (both signatures, leaf key, validity),
  // name of the leaf, Ed25519 signature over the message, revocation, pins.
  [[nodiscard]] Result<ports::PeerIdentity> check_hello(const ports::HelloClaim& claim,
                                                        UnixMillis now) const;
  // Whether the leaf of a peer may still be shown; cheap. Error: trust.certificate_revoked.
  [[nodiscard]] Result<void> check_revocation(const NodeId& node,
                                              const crypto::Certificate& leaf) const;
  // Those of the state.
  [[nodiscard]] const trustchain::FleetLogs& logs() const { return *logs_; }
  // Of the state that authorises certificates of that member; none while the state does not know
  // it. Before there is a state, the first member is known at height 0.
  [[nodiscard]] std::optional<std::uint64_t> height_for(const NodeId& node) const;
  // What a certificate says about the authority that signed it, by the state; kUnstated while this
  // set comes from records alone. Error: fleet.state_invalid.
  [[nodiscard]] Result<trustchain::Issuance> judge(const crypto::Certificate& leaf) const;
  // The SHA-256 of the SPKI of the present anchor that signed it. About 100 us.
  [[nodiscard]] std::optional<Hash256> signer_of(const crypto::Certificate& leaf) const;
  // Whether the fleet has a log and `leaf` lacks its promise, or a height, whenever it was made.
  [[nodiscard]] bool misses_promise(const crypto::Certificate& leaf) const;
  // What the state says of certificates; nothing while this set comes from records alone.
  [[nodiscard]] trustchain::TrustState trust() const { return trustchain::TrustState(state_); }

 private:
  MemberSet() = default;
  // `leaf` is signed by a present anchor. Error: trust.leaf_untrusted.
  [[nodiscard]] Result<void> check_issuance(const crypto::Certificate& leaf) const;
  // By the name of its key; null for a leaf of no present anchor.
  [[nodiscard]] const trustchain::AnchorRecord* issuer_of(const crypto::Certificate& leaf) const;
  // Whether a pin is missed that is only reported. Error: trust.pin_mismatch.
  [[nodiscard]] Result<bool> check_pins(const MemberInfo& member,
                                        const trustchain::AnchorRecord& issuer) const;
  [[nodiscard]] Result<void> add(const Member& member);
  [[nodiscard]] Result<void> add(const trustchain::AnchorRecord& anchor);
  [[nodiscard]] Result<void> follow(const ports::StateReader& state, ByteView key);
  void remove(const NodeId& node);

  // Shared: sets that follow one another hold the same records.
  std::shared_ptr<const Genesis> genesis_;
  ChainId chain_id_;
  std::shared_ptr<const OperatorSet> operators_;
  std::vector<std::shared_ptr<const trustchain::AnchorRecord>> anchors_;  // ascending by id
  std::map<NodeId, std::shared_ptr<const Member>> members_;  // the first member without signatures
  std::map<std::string, NodeId, std::less<>> names_;
  std::map<NodeId, std::shared_ptr<const RevokedRecord>> revoked_;
  StateTree state_;
  std::uint64_t height_ = 0;  // of state_
  std::shared_ptr<const trustchain::FleetLogs> logs_ =
      std::make_shared<const trustchain::FleetLogs>();
};

}  // namespace i2::fleet
