// TrustStore: a node's identity, certificate and view of the fleet, loaded from its data directory.
//
// It is what the transport presents (CertSource) and asks (PeerVerifier). Checks read immutable
// snapshots, so they never wait for a file or for a change in progress. Thread-safe. Changes are on
// disk before they take effect. It has no clock: callers pass `now`.
//
// Whom it knows: until the first block, the records in the data directory; from then on what the
// replicated state says (follow()), and besides it those records that have not been ordered yet. A
// former member is refused whatever its records say. Anchors are then those of the state alone, so
// whoever orders the first block puts the fleet's anchors into it.
//
// The daemon holds a DataDirLock while it has a TrustStore; a command that only reads does not need
// one.
#pragma once

#include <i2/fleet/core/member_set.h>
#include <i2/fleet/core/peer_hint.h>
#include <i2/fleet/ledger.h>
#include <i2/ports/trust.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/leaf.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace i2::fleet {

// How long a binding signed for an expired leaf is good: enough to be let in and renew.
inline constexpr UnixMillis kLateBindingLifeMs = 3600ULL * 1000;

// What has become of the key with which this node issues.
enum class AnchorKey : std::uint8_t {
  kSame,
  kTaken,  // another one was installed and is used from now on
  kWaits,  // another one was installed, and the fleet does not have its anchor yet
};

class TrustStore final : public ports::CertSource, public ports::PeerVerifier {
 public:
  // Loads and verifies everything. A binding that is not good at `now` is signed again in memory.
  // `chain`: where the ledger is; null: the records alone.
  // Errors: fleet.not_joined, fleet.setup_interrupted, fleet.ledger_damaged,
  // fleet.identity_damaged, fleet.leaf_damaged, fleet.state_invalid, trust.member_revoked (this
  // node is a former member), node.secret_exposed, node.file_missing, node.file_failed,
  // node.data_dir_*.
  [[nodiscard]] static Result<std::unique_ptr<TrustStore>> load(
      const std::filesystem::path& dir, UnixMillis now,
      std::shared_ptr<const Chain> chain = nullptr);

  // The state after a block. Whoever it makes a former member is refused from then on; closing its
  // connections is the caller's part. Error: fleet.state_invalid; the old view stays.
  Result<void> follow(const LedgerChange& change);
  // Both keys of this node's identity, for what it signs as an account of the fleet.
  [[nodiscard]] const trustchain::HybridKey& identity() const { return identity_; }
  // Members whose records are here and not in the state yet, for somebody to hand in.
  [[nodiscard]] std::vector<Member> unordered_members() const;

  [[nodiscard]] const std::string& name() const { return self_.name; }
  [[nodiscard]] const ChainId& chain_id() const { return chain_id_; }
  // Never null. A later change makes another set.
  [[nodiscard]] std::shared_ptr<const MemberSet> members() const;
  // Where the fleet was when this node joined.
  [[nodiscard]] const std::vector<PeerHint>& peers() const { return peers_; }

  // ports::CertSource.
  [[nodiscard]] NodeId node_id() const override { return self_.node_id; }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override;
  void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const override;

  // ports::PeerVerifier.
  [[nodiscard]] Result<ports::LeafStanding> check_leaf(const crypto::Certificate& leaf,
                                                       UnixMillis now) const override;
  [[nodiscard]] Result<ports::PeerIdentity> check_hello(const ports::HelloClaim& claim,
                                                        UnixMillis now) const override;

  // `tell` gets the leaves of peers, signed by an anchor, that the state does not authorise, or
  // that state a height which this node has not reached. On the transport's threads, inside
  // check_leaf().
  void on_doubtful_leaf(std::function<void(const crypto::Certificate&)> tell);

  // Reads the ledger's members and anchors again, e.g. after `provision`; the number of members. On
  // an error the old view stays. Errors: fleet.ledger_damaged, node.file_failed.
  Result<std::size_t> reload_members();
  // Takes over a record that came from elsewhere; false when it was known.
  // Errors: fleet.member_invalid and those of MemberSet::with(); node.disk_full, node.file_failed.
  Result<bool> add_member(ByteView record);

  [[nodiscard]] bool is_founder() const;
  // Whether the current leaf was made where no state or log was: it states no height, or carries no
  // promise.
  [[nodiscard]] bool has_first_leaf() const;
  // Whether this node is a certificate authority of the fleet at `now`.
  [[nodiscard]] bool can_issue(UnixMillis now) const;
  // The anchor of this node and its key. Error: fleet.no_anchor.
  [[nodiscard]] Result<trustchain::Issuer> issuer() const;
  // Reads again with which key this node issues: what was installed while it runs is used once the
  // fleet has its anchor. Errors: fleet.identity_damaged, node.secret_exposed, node.file_failed.
  [[nodiscard]] Result<AnchorKey> reload_anchor_keys();
  // The anchor that the fleet has for keys that this node has made and does not use yet; null:
  // none. Where the root's keys are not this is not known: `i2 authority install` takes it over.
  [[nodiscard]] std::shared_ptr<const trustchain::AnchorRecord> next_anchor() const;
  // What `requester` may be issued for `request`; the caller has authenticated it. One that has
  // just been admitted did not know the name it would get. Errors: trust.member_unknown,
  // fleet.member_unordered (the state does not know it yet, and peers ask for a height),
  // trust.request_name.
  [[nodiscard]] Result<trustchain::Application> application_for(
      const crypto::CertificateRequest& request, const NodeId& requester, UnixMillis now,
      bool name_is_wish = false) const;

  // trustchain::renewal_time and is_renewal_due of the current leaf; it is due at once when the
  // fleet has a log that has not promised to include it, or when it states no height.
  [[nodiscard]] UnixMillis renewal_time() const;
  [[nodiscard]] bool is_renewal_due(UnixMillis now, std::uint64_t spread = 0) const;
  // For an authority, whose answer goes to install_leaf().
  [[nodiscard]] Result<trustchain::LeafRequest> make_renewal_request() const;
  // Installs a certificate with its key; signs the binding. Open connections keep the old
  // credential. Errors: fleet.leaf_refused (not for this key or node, not good at `now`, or not in
  // the log that the fleet has), node.disk_full, node.file_failed.
  Result<void> install_leaf(const crypto::PrivateKey& key, const crypto::Certificate& certificate,
                            UnixMillis now);
  // Signs the binding of the current leaf again when it is not good at `now`: until the end of the
  // leaf, or for an hour (and again at half of it) when the leaf has expired. A node whose leaf
  // could not be renewed in time calls it before it connects. Error: crypto.sign.
  Result<void> refresh_binding(UnixMillis now);

 private:
  struct Loaded;
  explicit TrustStore(Loaded&& loaded);
  [[nodiscard]] static Result<MemberSet> read_members(const std::filesystem::path& dir,
                                                      const Chain* chain);
  [[nodiscard]] Result<Bytes> bind(const crypto::Certificate& leaf, UnixMillis now) const;
  struct OwnAnchor {
    std::optional<crypto::PrivateKey> key;
    std::shared_ptr<const trustchain::AnchorRecord> record;  // null: the fleet has none for the key
  };
  [[nodiscard]] OwnAnchor own_anchor() const;

  const std::filesystem::path dir_;
  const ChainId chain_id_;
  const MemberInfo self_;
  const trustchain::HybridKey identity_;
  const std::vector<PeerHint> peers_;

  mutable std::mutex changing_;         // one change at a time, files included
  std::shared_ptr<const Chain> chain_;  // under changing_; shared with the ledger
  mutable std::mutex snapshots_;        // held only to copy or swap what follows
  std::optional<crypto::PrivateKey> anchor_key_;
  crypto::PublicKey next_anchor_key_;
  // Shared: handshakes in progress keep the snapshot they began with.
  std::shared_ptr<const MemberSet> members_;
  std::shared_ptr<const ports::LeafCredential> leaf_;
  std::function<void(const crypto::Certificate&)> doubtful_leaf_;
};

}  // namespace i2::fleet
