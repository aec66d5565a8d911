#include <i2/fleet/invited.h>
#include <i2/fleet/ledger.h>

#include <algorithm>
#include <format>

#include "layout.h"
#include "ledger_files.h"
#include "replacement.h"
#include "setup.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kJoiningSizeMax = 64 * 1024;
constexpr std::string_view kKeyHeader = "-----BEGIN";

// The keys that an earlier attempt with this invite kept. Anything else there is none.
std::optional<trustchain::HybridKey> kept_identity(const fs::path& dir, const InviteId& invite) {
  const auto file = read_secret(dir / kJoiningFile, kJoiningSizeMax);
  if (!file) {
    return std::nullopt;
  }
  const std::string_view text = as_text(file->view());
  const std::size_t falcon_at = text.find(kKeyHeader);
  const std::size_t ed25519_at = text.rfind(kKeyHeader);
  if (falcon_at == text.npos || text.substr(0, falcon_at) != invite.hex() + "\n") {
    return std::nullopt;
  }
  auto falcon = crypto::PrivateKey::from_pem(text.substr(falcon_at, ed25519_at - falcon_at));
  auto ed25519 = crypto::PrivateKey::from_pem(text.substr(ed25519_at));
  if (!falcon || !ed25519) {
    return std::nullopt;
  }
  auto pair = trustchain::HybridKey::from_keys(*std::move(falcon), *std::move(ed25519));
  return pair ? std::optional(*std::move(pair)) : std::nullopt;
}

// Those of the token first: they have answered.
std::vector<PeerHint> all_hints(const std::vector<PeerHint>& inviters,
                                const std::vector<PeerHint>& more) {
  std::vector<PeerHint> out = inviters;
  for (const PeerHint& hint : more) {
    if (out.size() < kPeerHintsMax && !std::ranges::contains(out, hint)) {
      out.push_back(hint);
    }
  }
  return out;
}

}  // namespace

InvitedNode::InvitedNode(fs::path dir, DataDirLock lock, const InviteToken& token, InviteId invite,
                         trustchain::HybridKey identity, bool resumed, bool replaces)
    : dir_(std::move(dir)),
      lock_(std::move(lock)),
      inviters_(token.peers),
      invite_(invite),
      identity_(std::move(identity)),
      resumed_(resumed),
      replaces_(replaces) {}

Result<std::variant<InvitedNode, NodeSummary>> InvitedNode::begin(const fs::path& dir,
                                                                  const InviteToken& token,
                                                                  bool replace) {
  using Out = std::variant<InvitedNode, NodeSummary>;
  I2_TRY_VALUE(auto claimed, claim(dir, token.chain_id, replace));
  if (auto* const there = std::get_if<NodeSummary>(&claimed)) {
    return Out(std::move(*there));
  }
  auto& [lock, replaces] = std::get<Claim>(claimed);
  I2_TRY_VALUE(const auto key, invite_key(token));
  const InviteId invite = invite_id(key.public_key());
  auto identity = kept_identity(dir, invite);
  const bool resumed = identity.has_value();
  if (!resumed) {
    I2_TRY_VALUE(identity, trustchain::HybridKey::generate());
  }
  return Out(
      InvitedNode(dir, std::move(lock), token, invite, *std::move(identity), resumed, replaces));
}

Result<void> InvitedNode::keep() const {
  const std::string invite = invite_.hex() + "\n";
  const crypto::SecretBytes falcon = identity_.falcon().pem();
  const crypto::SecretBytes ed25519 = identity_.ed25519().pem();
  Bytes text;
  text.reserve(invite.size() + falcon.size() + ed25519.size());  // no copy stays behind
  append(text, as_bytes(invite));
  append(text, falcon.view());
  append(text, ed25519.view());
  const crypto::SecretBytes file(std::move(text));
  return FileWriter().write(dir_ / kJoiningFile, file.view(), kSecretMode);
}

Result<NodeSummary> InvitedNode::commit(const JoinClient::Joined& joined,
                                        const crypto::PrivateKey& leaf_key) const {
  I2_TRY_VALUE(const auto members, MemberSet::from_state(joined.state, joined.point.header.height));
  const NodeId self = trustchain::node_id(identity_.public_key());
  I2_TRY_VALUE(
      const auto binding,
      trustchain::make_binding(identity_, self, joined.leaf.public_key(), joined.leaf.not_after()));
  std::vector<trustchain::AnchorRecord> anchors;
  for (const auto& anchor : members.anchors()) {
    anchors.push_back(*anchor);
  }
  SetupContents contents = node_contents({.identity = identity_,
                                          .leaf_key = leaf_key,
                                          .leaf = joined.leaf,
                                          .binding = encode(binding),
                                          .genesis = joined.genesis,
                                          .anchors = anchors,
                                          .members = {},
                                          .peers = all_hints(inviters_, joined.peers)});
  contents.replaces = replaces_;
  contents.make_ledger = [&joined](const fs::path& dir) {
    return Ledger::create(dir, joined.genesis, joined.links, joined.point, joined.state);
  };
  I2_TRY(commit_setup(FileWriter(), dir_, contents));
  return NodeSummary{.fleet_name = joined.genesis.fleet_name,
                     .node_name = joined.name,
                     .chain_id = members.chain_id(),
                     .node_id = self,
                     .changed = true};
}

}  // namespace i2::fleet
