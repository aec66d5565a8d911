#include <i2/fleet/data_dir.h>
#include <i2/fleet/trust_store.h>

#include <algorithm>

#include "layout.h"
#include "ledger_files.h"
#include "serial.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

bool is_same_key(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a && b && equal(a.spki(), b.spki());
}

Result<std::optional<crypto::PrivateKey>> read_key_if_present(const fs::path& path) {
  if (!is_present(path)) {
    return std::nullopt;
  }
  I2_TRY_VALUE(auto key, read_falcon_key(path));
  return std::optional(std::move(key));
}

// Of the anchor that this node takes over by itself: where the root's keys are.
Result<crypto::PublicKey> read_next_anchor_key(const fs::path& dir) {
  if (!is_present(dir / kRootFalconFile)) {
    return crypto::PublicKey{};
  }
  I2_TRY_VALUE(const auto key, read_key_if_present(dir / kAskedFalconFile));
  return key ? key->public_key() : crypto::PublicKey{};
}

// The stored binding if it is good at `now`, else nothing: the identity can always sign another
// one.
Bytes read_binding(const fs::path& dir, const MemberInfo& self, const crypto::PublicKey& leaf,
                   UnixMillis now) {
  auto bytes = read_file(dir / kBindingFile, trustchain::kBindingSizeMax);
  if (!bytes) {
    return {};
  }
  const auto binding = trustchain::decode_binding(*bytes);
  const bool good =
      binding && trustchain::verify_binding(*binding, self.node_id, self.identity, leaf, now);
  return good ? *std::move(bytes) : Bytes{};
}

}  // namespace

struct TrustStore::Loaded {
  fs::path dir;
  MemberInfo self;
  trustchain::HybridKey identity;
  std::optional<crypto::PrivateKey> anchor_key;
  crypto::PublicKey next_anchor_key;
  std::vector<PeerHint> peers;
  std::shared_ptr<const Chain> chain;
  std::shared_ptr<const MemberSet> members;
  std::shared_ptr<const ports::LeafCredential> leaf;
};

TrustStore::TrustStore(Loaded&& loaded)
    : dir_(std::move(loaded.dir)),
      chain_id_(loaded.members->chain_id()),
      self_(std::move(loaded.self)),
      identity_(std::move(loaded.identity)),
      peers_(std::move(loaded.peers)),
      chain_(std::move(loaded.chain)),
      anchor_key_(std::move(loaded.anchor_key)),
      next_anchor_key_(std::move(loaded.next_anchor_key)),
      members_(std::move(loaded.members)),
      leaf_(std::move(loaded.leaf)) {}

// The state, and records that it does not know yet. A record that it refuses (another name for the
// node, a former member) is passed over: the state decides.
Result<MemberSet> TrustStore::read_members(const fs::path& dir, const Chain* chain) {
  I2_TRY_VALUE(auto records, read_ledger(dir));
  if (chain == nullptr || chain->head.height == 0) {
    return records;
  }
  I2_TRY_VALUE(auto out, MemberSet::from_state(chain->state, chain->head.height));
  for (const auto& record : records.records()) {
    if (out.find(record->info.node_id) != nullptr) {
      continue;
    }
    if (auto grown = out.with(*record)) {
      out = *std::move(grown);
    }
  }
  return out;
}

Result<std::unique_ptr<TrustStore>> TrustStore::load(const fs::path& dir, UnixMillis now,
                                                     std::shared_ptr<const Chain> chain) {
  I2_TRY(require_node(dir));
  Loaded loaded;
  loaded.dir = dir;
  I2_TRY_VALUE(loaded.identity, read_pair(dir / kNodeFalconFile, dir / kNodeEd25519File));
  I2_TRY_VALUE(auto set, read_members(dir, chain.get()));
  const NodeId own_id = trustchain::node_id(loaded.identity.public_key());
  const MemberInfo* self = set.find(own_id);
  if (const RevokedRecord* former = set.find_revoked(own_id); former != nullptr) {
    return fail("trust.member_revoked",
                "this node is no longer a member of its fleet (" +
                    (former->how == Departure::kLeft ? "it left" : "expelled: " + former->reason) +
                    "); join again with an empty data directory");
  }
  if (self == nullptr) {
    return fail("fleet.ledger_damaged",
                "the ledger in '" + dir.string() + "' has no record of this node itself");
  }
  loaded.self = *self;
  loaded.chain = std::move(chain);
  loaded.members = std::make_shared<const MemberSet>(std::move(set));
  I2_TRY_VALUE(loaded.anchor_key, read_key_if_present(dir / kAnchorKeyFile));
  I2_TRY_VALUE(loaded.next_anchor_key, read_next_anchor_key(dir));
  I2_TRY_VALUE(loaded.peers, read_peers(dir));
  I2_TRY_VALUE(auto leaf, read_leaf(dir));
  Bytes binding = read_binding(dir, loaded.self, leaf.certificate.public_key(), now);
  loaded.leaf = std::make_shared<const ports::LeafCredential>(
      ports::LeafCredential{.certificate = std::move(leaf.certificate),
                            .key = std::move(leaf.key),
                            .binding = std::move(binding)});
  std::unique_ptr<TrustStore> out(new TrustStore(std::move(loaded)));
  I2_TRY(out->refresh_binding(now));
  return out;
}

std::shared_ptr<const MemberSet> TrustStore::members() const {
  const std::scoped_lock lock(snapshots_);
  return members_;
}

std::shared_ptr<const ports::LeafCredential> TrustStore::current() const {
  const std::scoped_lock lock(snapshots_);
  return leaf_;
}

void TrustStore::sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const {
  done(identity_.ed25519().sign(message));
}

Result<ports::LeafStanding> TrustStore::check_leaf(const crypto::Certificate& leaf,
                                                   UnixMillis now) const {
  const auto set = members();
  auto out = set->check_leaf(leaf, now);
  std::function<void(const crypto::Certificate&)> tell;
  {
    const std::scoped_lock lock(snapshots_);
    tell = doubtful_leaf_;
  }
  // The signature is looked at only in those that are doubtful.
  const auto issuance = leaf ? set->judge(leaf) : trustchain::Issuance::kUnstated;
  const bool doubtful = issuance && (*issuance == trustchain::Issuance::kUnauthorised ||
                                     *issuance == trustchain::Issuance::kAhead);
  if (tell && doubtful && set->signer_of(leaf)) {
    tell(leaf);
  }
  return out;
}

void TrustStore::on_doubtful_leaf(std::function<void(const crypto::Certificate&)> tell) {
  const std::scoped_lock lock(snapshots_);
  doubtful_leaf_ = std::move(tell);
}

Result<ports::PeerIdentity> TrustStore::check_hello(const ports::HelloClaim& claim,
                                                    UnixMillis now) const {
  return members()->check_hello(claim, now);
}

Result<void> TrustStore::follow(const LedgerChange& change) {
  const std::scoped_lock changing(changing_);
  // The first block ends the time of records alone.
  const bool first = chain_ == nullptr || chain_->head.height == 0;
  I2_TRY_VALUE(auto set, first ? read_members(dir_, change.chain.get())
                               : members()->after(change.chain->state, change.chain->head.height,
                                                  change.changed));
  chain_ = change.chain;
  auto next = std::make_shared<const MemberSet>(std::move(set));
  const std::scoped_lock lock(snapshots_);
  members_ = std::move(next);
  return {};
}

std::vector<Member> TrustStore::unordered_members() const {
  std::vector<Member> out;
  const std::scoped_lock changing(changing_);
  for (const auto& record : members()->records()) {
    const bool ordered =
        chain_ != nullptr && chain_->state.get(member_key(record->info.node_id.view())).has_value();
    if (!ordered && !record->signatures.empty()) {
      out.push_back(*record);
    }
  }
  return out;
}

Result<std::size_t> TrustStore::reload_members() {
  const std::scoped_lock changing(changing_);
  I2_TRY_VALUE(auto set, read_members(dir_, chain_.get()));
  const std::size_t count = set.size();
  auto next = std::make_shared<const MemberSet>(std::move(set));
  const std::scoped_lock lock(snapshots_);
  members_ = std::move(next);
  return count;
}

Result<bool> TrustStore::add_member(ByteView record) {
  if (record.size() > kMemberSizeMax) {
    return fail("fleet.member_invalid", "the member record is too large");
  }
  I2_TRY_VALUE(const Member member, decode_member(record));
  const std::scoped_lock changing(changing_);
  const auto held = members();
  if (const MemberInfo* known = held->find(member.info.node_id);
      known != nullptr && *known == member.info) {
    return false;
  }
  I2_TRY(held->with(member));
  I2_TRY_VALUE(const Fd lock, lock_directory(dir_ / kLedgerDir));
  // From the files, not from memory: `provision` may have added a member with this name since.
  I2_TRY_VALUE(const MemberSet stored, read_members(dir_, chain_.get()));
  I2_TRY_VALUE(auto grown, stored.with(member));
  const bool added = grown.size() != stored.size();
  if (added) {
    I2_TRY(FileWriter().write(dir_ / member_path(member), record, kPublicMode));
  }
  auto next = std::make_shared<const MemberSet>(std::move(grown));
  const std::scoped_lock swap(snapshots_);
  members_ = std::move(next);
  return added;
}

TrustStore::OwnAnchor TrustStore::own_anchor() const {
  OwnAnchor out;
  {
    const std::scoped_lock lock(snapshots_);
    out.key = anchor_key_;
  }
  out.record = out.key ? find_anchor(*members(), out.key->public_key()) : nullptr;
  return out;
}

Result<AnchorKey> TrustStore::reload_anchor_keys() {
  const std::scoped_lock changing(changing_);
  I2_TRY_VALUE(auto stored, read_key_if_present(dir_ / kAnchorKeyFile));
  I2_TRY_VALUE(auto next, read_next_anchor_key(dir_));
  const auto held = own_anchor();
  const bool same =
      !stored || (held.key && is_same_key(stored->public_key(), held.key->public_key()));
  const bool waits = !same && find_anchor(*members(), stored->public_key()) == nullptr;
  const std::scoped_lock lock(snapshots_);
  next_anchor_key_ = std::move(next);
  if (same || waits) {
    return waits ? AnchorKey::kWaits : AnchorKey::kSame;
  }
  anchor_key_ = std::move(stored);
  return AnchorKey::kTaken;
}

std::shared_ptr<const trustchain::AnchorRecord> TrustStore::next_anchor() const {
  std::unique_lock lock(snapshots_);
  const crypto::PublicKey key = next_anchor_key_;
  lock.unlock();
  return key ? find_anchor(*members(), key) : nullptr;
}

bool TrustStore::is_founder() const {
  return members()->genesis().first_member.node_id == node_id();
}

bool TrustStore::has_first_leaf() const {
  const auto fields = current()->certificate.fields();
  return fields.scts.empty() || !fields.state_height;
}

bool TrustStore::can_issue(UnixMillis now) const {
  const auto anchor = own_anchor().record;
  return anchor != nullptr && now >= anchor->not_before && now < anchor->not_after;
}

Result<trustchain::Issuer> TrustStore::issuer() const {
  const auto anchor = own_anchor();
  if (anchor.record == nullptr) {
    return fail("fleet.no_anchor", "this node is not a certificate authority of the fleet");
  }
  return issuer_of(*anchor.record, *anchor.key);
}

Result<trustchain::Application> TrustStore::application_for(
    const crypto::CertificateRequest& request, const NodeId& requester, UnixMillis now,
    bool name_is_wish) const {
  const auto set = members();
  const MemberInfo* member = set->find(requester);
  if (member == nullptr) {
    return fail("trust.member_unknown",
                "node " + requester.hex() + " is not a member and gets no certificate");
  }
  // Membership and height are of one state, so that the certificate is authorised by what it says.
  const auto height = set->height_for(requester);
  if (!height && !set->logs().empty()) {
    return fail("fleet.member_unordered",
                "the fleet's state does not know '" + member->name +
                    "' yet: ask again when its admission has been ordered");
  }
  return trustchain::application_for(request,
                                     trustchain::LeafTerms{.node_name = member->name,
                                                           .fleet_name = set->genesis().fleet_name,
                                                           .now = now,
                                                           .serial = random_serial(),
                                                           .name_is_wish = name_is_wish,
                                                           .state_height = height});
}

UnixMillis TrustStore::renewal_time() const {
  return trustchain::renewal_time(current()->certificate);
}

bool TrustStore::is_renewal_due(UnixMillis now, std::uint64_t spread) const {
  const auto held = current();
  return trustchain::is_renewal_due(held->certificate, now, spread) ||
         members()->misses_promise(held->certificate);
}

Result<trustchain::LeafRequest> TrustStore::make_renewal_request() const {
  return trustchain::make_leaf_request(self_.name, members()->genesis().fleet_name);
}

Result<Bytes> TrustStore::bind(const crypto::Certificate& leaf, UnixMillis now) const {
  const UnixMillis until = leaf.not_after() > now ? leaf.not_after() : now + kLateBindingLifeMs;
  I2_TRY_VALUE(const auto binding,
               trustchain::make_binding(identity_, self_.node_id, leaf.public_key(), until));
  return encode(binding);
}

Result<void> TrustStore::install_leaf(const crypto::PrivateKey& key,
                                      const crypto::Certificate& certificate, UnixMillis now) {
  if (!is_same_key(key.public_key(), certificate.public_key())) {
    return fail("fleet.leaf_refused", "the new certificate is for another key");
  }
  if (certificate.subject_common_name() != self_.name) {
    return fail("fleet.leaf_refused", "the new certificate is for another node");
  }
  const auto standing = check_leaf(certificate, now);
  if (!standing) {
    return fail("fleet.leaf_refused", standing.error().message());
  }
  if (*standing == ports::LeafStanding::kExpired) {
    return fail("fleet.leaf_refused", "the new certificate has already expired");
  }
  if (members()->misses_promise(certificate)) {
    return fail("fleet.leaf_refused",
                "the new certificate is not in the fleet's log, or states no height");
  }
  const std::scoped_lock changing(changing_);
  I2_TRY_VALUE(Bytes binding, bind(certificate, now));
  const FileWriter writer;
  // The binding may be lost between the two writes: load() signs it again.
  I2_TRY(writer.write(dir_ / kLeafFile, leaf_pem(key, certificate).view(), kSecretMode));
  I2_TRY(writer.write(dir_ / kBindingFile, binding, kPublicMode));
  auto next = std::make_shared<const ports::LeafCredential>(
      ports::LeafCredential{.certificate = certificate, .key = key, .binding = std::move(binding)});
  const std::scoped_lock lock(snapshots_);
  leaf_ = std::move(next);
  return {};
}

Result<void> TrustStore::refresh_binding(UnixMillis now) {
  const std::scoped_lock changing(changing_);
  const auto held = current();
  if (const auto binding = trustchain::decode_binding(held->binding)) {
    // A late binding is renewed at half its life, so that a peer's clock may be ahead.
    const bool late = binding->not_after > held->certificate.not_after();
    if (binding->not_after > now + (late ? kLateBindingLifeMs / 2 : 0)) {
      return {};
    }
  }
  I2_TRY_VALUE(Bytes binding, bind(held->certificate, now));
  auto next = std::make_shared<const ports::LeafCredential>(ports::LeafCredential{
      .certificate = held->certificate, .key = held->key, .binding = std::move(binding)});
  const std::scoped_lock lock(snapshots_);
  leaf_ = std::move(next);
  return {};
}

}  // namespace i2::fleet
