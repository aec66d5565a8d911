#include <i2/fleet/core/fleet_module.h>
#include <i2/fleet/core/member_set.h>

#include <algorithm>

namespace i2::fleet {
namespace {

// The rest of a key that begins with `prefix`; none for others.
template <class Id>
std::optional<Id> id_behind(ByteView key, const Bytes& prefix) {
  Id out;
  if (key.size() != prefix.size() + out.bytes.size() || !equal(key.first(prefix.size()), prefix)) {
    return std::nullopt;
  }
  std::ranges::copy(key.subspan(prefix.size()), out.bytes.begin());
  return out;
}

}  // namespace

Result<MemberSet> MemberSet::from_state(const StateTree& state, std::uint64_t height) {
  I2_TRY_VALUE(Genesis genesis, FleetState(state).genesis());
  MemberSet out;
  out.chain_id_ = fleet::chain_id(genesis);
  out.genesis_ = std::make_shared<const Genesis>(std::move(genesis));
  out.state_ = state;
  out.height_ = height;
  for (const Bytes& prefix : {operators_key(), anchor_key({}), revoked_key({}), member_key({}),
                              trustchain::log_key({})}) {
    Result<void> followed;
    state.scan(prefix, {}, [&](ByteView key, ByteView) {
      followed = out.follow(state, key);
      return followed.has_value();
    });
    I2_TRY(followed);
  }
  return out;
}

Result<MemberSet> MemberSet::after(const StateTree& state, std::uint64_t height,
                                   const std::set<Bytes>& changed) const {
  MemberSet out = *this;
  out.state_ = state;
  out.height_ = height;
  for (const Bytes& key : changed) {
    I2_TRY(out.follow(state, key));
  }
  return out;
}

Result<void> MemberSet::follow(const ports::StateReader& state, ByteView key) {
  const FleetState fleet(state);
  if (equal(key, operators_key())) {
    I2_TRY_VALUE(auto operators, fleet.operators());
    operators_ = std::make_shared<const OperatorSet>(std::move(operators));
  } else if (const auto member = id_behind<NodeId>(key, member_key({}))) {
    I2_TRY_VALUE(auto record, fleet.member(*member));
    remove(*member);
    if (record) {
      // A record that came by itself may hold the name; the state decides.
      if (const auto* holder = find(std::string_view(record->info.name)); holder != nullptr) {
        remove(NodeId(holder->node_id));
      }
      names_.insert_or_assign(record->info.name, *member);
      members_.insert_or_assign(
          *member, std::make_shared<const Member>(Member{
                       .chain_id = chain_id_, .info = std::move(record->info), .signatures = {}}));
    }
  } else if (const auto former = id_behind<NodeId>(key, revoked_key({}))) {
    I2_TRY_VALUE(auto record, fleet.revoked(*former));
    if (record) {
      remove(*former);
      revoked_.insert_or_assign(*former, std::make_shared<const RevokedRecord>(*std::move(record)));
    }
  } else if (const auto anchor = id_behind<AnchorId>(key, anchor_key({}))) {
    std::erase_if(anchors_,
                  [&](const auto& held) { return trustchain::id(*held) == anchor->bytes; });
    if (const auto value = state.get(key)) {
      I2_TRY_VALUE(const auto record, trustchain::decode_anchor(*value));
      I2_TRY(add(record));
    }
  } else if (as_text(key).starts_with(as_text(trustchain::log_key({})))) {
    I2_TRY_VALUE(auto logs, trustchain::FleetLogs::from_state(state));
    logs_ = std::make_shared<const trustchain::FleetLogs>(std::move(logs));
  }
  return {};
}

void MemberSet::remove(const NodeId& node) {
  if (const MemberInfo* held = find(node); held != nullptr) {
    names_.erase(held->name);
    members_.erase(node);
  }
}

const RevokedRecord* MemberSet::find_revoked(const NodeId& node) const {
  const auto at = revoked_.find(node);
  return at == revoked_.end() ? nullptr : at->second.get();
}

Result<MemberSet> MemberSet::create(Genesis genesis,
                                    std::span<const trustchain::AnchorRecord> anchors,
                                    std::span<const Member> members) {
  I2_TRY(verify_genesis(genesis));
  MemberSet out;
  out.chain_id_ = fleet::chain_id(genesis);
  out.genesis_ = std::make_shared<const Genesis>(std::move(genesis));
  out.operators_ = std::make_shared<const OperatorSet>(
      OperatorSet{.required = out.genesis_->operators_required, .keys = out.genesis_->operators});
  const MemberInfo& first = out.genesis_->first_member;
  out.members_.emplace(first.node_id,
                       std::make_shared<const Member>(
                           Member{.chain_id = out.chain_id_, .info = first, .signatures = {}}));
  out.names_.emplace(first.name, first.node_id);
  for (const trustchain::AnchorRecord& anchor : anchors) {
    I2_TRY(out.add(anchor));
  }
  for (const Member& member : members) {
    I2_TRY(out.add(member));
  }
  return out;
}

Result<MemberSet> MemberSet::with(const Member& member) const {
  MemberSet out = *this;
  I2_TRY(out.add(member));
  return out;
}

Result<MemberSet> MemberSet::with(const trustchain::AnchorRecord& anchor) const {
  MemberSet out = *this;
  I2_TRY(out.add(anchor));
  return out;
}

Result<void> MemberSet::add(const Member& member) {
  I2_TRY(verify_member(member, chain_id_, operators_->keys, operators_->required));
  if (const RevokedRecord* former = find_revoked(member.info.node_id); former != nullptr) {
    return fail("trust.member_revoked", "'" + former->name + "' is no longer a member");
  }
  if (const MemberInfo* known = find(member.info.node_id); known != nullptr) {
    if (*known == member.info) {
      return {};
    }
    return fail("fleet.member_conflict",
                "node " + member.info.node_id.hex() + " is already a member under another record");
  }
  if (find(std::string_view(member.info.name)) != nullptr) {
    return fail("fleet.name_taken", "the name '" + member.info.name +
                                        "' belongs to another member; choose another one");
  }
  if (members_.size() >= kMembersMax) {
    return fail("fleet.members_full",
                "the fleet already has " + std::to_string(kMembersMax) + " members");
  }
  names_.emplace(member.info.name, member.info.node_id);
  members_.emplace(member.info.node_id, std::make_shared<const Member>(member));
  return {};
}

Result<void> MemberSet::add(const trustchain::AnchorRecord& anchor) {
  I2_TRY(trustchain::verify_anchor(anchor, chain_id_, genesis_->root));
  const auto key = [](const auto& record) { return trustchain::id(*record); };
  const Hash256 added = trustchain::id(anchor);
  const auto at = std::ranges::lower_bound(anchors_, added, {}, key);
  if (at != anchors_.end() && key(*at) == added) {
    return {};
  }
  if (anchors_.size() >= kAnchorsMax) {
    return fail("fleet.anchors_full",
                "the fleet already has " + std::to_string(kAnchorsMax) + " issuing anchors");
  }
  anchors_.insert(at, std::make_shared<const trustchain::AnchorRecord>(anchor));
  return {};
}

const MemberInfo* MemberSet::find(const NodeId& node) const {
  const auto at = members_.find(node);
  return at == members_.end() ? nullptr : &at->second->info;
}

const MemberInfo* MemberSet::find(std::string_view name) const {
  const auto at = names_.find(name);
  return at == names_.end() ? nullptr : find(at->second);
}

std::vector<std::shared_ptr<const Member>> MemberSet::records() const {
  std::vector<std::shared_ptr<const Member>> out;
  for (const auto& [node, member] : members_) {
    if (node != genesis_->first_member.node_id) {
      out.push_back(member);
    }
  }
  return out;
}

Result<ports::LeafStanding> MemberSet::check_leaf(const crypto::Certificate& leaf,
                                                  UnixMillis now) const {
  Error refusal("trust.leaf_untrusted",
                "the leaf certificate was not issued by an anchor of the fleet");
  if (!leaf) {
    return fail(std::move(refusal));
  }
  const UnixMillis until = leaf.not_after();
  const bool expired = now >= until;
  // Validity has a granularity of a second; a moment before the end is the last one that counts.
  const UnixMillis at = expired ? until - std::min<UnixMillis>(until, 1000) : now;
  for (const auto& anchor : anchors_) {
    const auto good = trustchain::check_leaf(*anchor, leaf, at);
    if (good) {
      I2_TRY(check_issuance(leaf));
    }
    if (good && !expired) {
      return logs_->check(leaf, anchor->certificate) ? ports::LeafStanding::kValid
                                                     : ports::LeafStanding::kUnlogged;
    }
    if (good) {
      return ports::LeafStanding::kExpired;
    }
    // The anchor that issued the leaf knows more than "not mine".
    if (!good.error().is("trust.leaf_untrusted")) {
      refusal = good.error();
    }
  }
  if (refusal.is("trust.leaf_not_yet_valid") || refusal.is("trust.leaf_untrusted")) {
    return fail(std::move(refusal));
  }
  return fail("trust.leaf_untrusted", refusal.message());
}

std::optional<std::uint64_t> MemberSet::height_for(const NodeId& node) const {
  const bool known = state_.size() > 0 ? state_.get(member_key(node.view())).has_value()
                                       : node == genesis_->first_member.node_id;
  return known ? std::optional(height_) : std::nullopt;
}

Result<trustchain::Issuance> MemberSet::judge(const crypto::Certificate& leaf) const {
  if (state_.size() == 0) {
    return trustchain::Issuance::kUnstated;
  }
  return trustchain::judge_issuance(leaf, genesis_->fleet_name, FleetModule(), state_, height_);
}

std::optional<Hash256> MemberSet::signer_of(const crypto::Certificate& leaf) const {
  const trustchain::AnchorRecord* const issuer = leaf ? issuer_of(leaf) : nullptr;
  return issuer != nullptr && crypto::is_signed_by(leaf, issuer->certificate)
             ? std::optional(issuer->certificate.public_key().spki_sha256())
             : std::nullopt;
}

Result<void> MemberSet::check_issuance(const crypto::Certificate& leaf) const {
  I2_TRY_VALUE(const auto issuance, judge(leaf));
  if (issuance == trustchain::Issuance::kUnauthorised) {
    return fail("trust.leaf_untrusted",
                "an authority of the fleet issued the leaf certificate for '" +
                    leaf.subject_common_name() +
                    "', which was no member's name in the state that it states");
  }
  return {};
}

Result<ports::PeerIdentity> MemberSet::check_hello(const ports::HelloClaim& claim,
                                                   UnixMillis now) const {
  I2_TRY_VALUE(const auto binding, trustchain::decode_binding(claim.binding));
  const MemberInfo* member = find(claim.node_id);
  if (const RevokedRecord* former = find_revoked(claim.node_id); former != nullptr) {
    return fail("trust.member_revoked", "'" + former->name + "' is no longer a member");
  }
  if (member == nullptr) {
    return fail("trust.member_unknown", "node " + claim.node_id.hex() +
                                            " is not a member of this fleet, or its record has "
                                            "not arrived here yet");
  }
  I2_TRY(trustchain::verify_binding(binding, claim.node_id, member->identity,
                                    claim.leaf.public_key(), now));
  if (claim.leaf.subject_common_name() != member->name) {
    return fail("trust.binding_invalid",
                "the leaf certificate carries another name than '" + member->name + "'");
  }
  if (!member->identity.ed25519().verify(claim.message, claim.signature)) {
    return fail("trust.hello_signature",
                "HELLO of '" + member->name + "' is not signed by its registered Ed25519 key");
  }
  I2_TRY(check_revocation(member->node_id, claim.leaf));
  const trustchain::AnchorRecord* const issuer = issuer_of(claim.leaf);
  if (issuer == nullptr) {
    return fail("trust.leaf_untrusted",
                "the leaf certificate was not issued by an anchor of the fleet");
  }
  I2_TRY_VALUE(const bool missed, check_pins(*member, *issuer));
  return ports::PeerIdentity{
      .node_id = member->node_id, .name = member->name, .leaf = claim.leaf, .pin_missed = missed};
}

const trustchain::AnchorRecord* MemberSet::issuer_of(const crypto::Certificate& leaf) const {
  const Bytes key = leaf.authority_key_id();
  const auto at = std::ranges::find_if(
      anchors_, [&key](const auto& anchor) { return anchor->certificate.subject_key_id() == key; });
  return at == anchors_.end() ? nullptr : at->get();
}

Result<void> MemberSet::check_revocation(const NodeId& node,
                                         const crypto::Certificate& leaf) const {
  const trustchain::AnchorRecord* const issuer = issuer_of(leaf);
  const Hash256 key_hash =
      issuer == nullptr ? Hash256{} : issuer->certificate.public_key().spki_sha256();
  I2_TRY_VALUE(const auto revoked, trust().revocation(trustchain::certificate_id(leaf, key_hash),
                                                      AccountId{node.bytes}, leaf.not_before()));
  if (revoked) {
    return fail("trust.certificate_revoked",
                "certificate " + to_hex(leaf.serial()) + " has been revoked");
  }
  return {};
}

bool MemberSet::misses_promise(const crypto::Certificate& leaf) const {
  const trustchain::AnchorRecord* const issuer = issuer_of(leaf);
  return !logs_->empty() && (issuer == nullptr || !leaf.state_height() ||
                             !logs_->check_promise(leaf, issuer->certificate));
}

Result<bool> MemberSet::check_pins(const MemberInfo& member,
                                   const trustchain::AnchorRecord& issuer) const {
  I2_TRY_VALUE(const auto pins, trust().pins(member.node_id));
  if (!pins ||
      std::ranges::contains(pins->issuers, issuer.certificate.public_key().spki_sha256())) {
    return false;
  }
  if (pins->enforced) {
    return fail("trust.pin_mismatch", "'" + member.name +
                                          "' shows a certificate of another authority than those "
                                          "it is pinned to");
  }
  return true;
}

}  // namespace i2::fleet
