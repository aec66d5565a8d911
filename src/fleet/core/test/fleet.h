// A fleet in memory: root, operators, anchor and nodes with their keys.
#pragma once

#include <i2/fleet/core/bundle.h>
#include <i2/trustchain/core/leaf.h>

namespace i2::fleet::testing {

inline constexpr UnixMillis kNow = 1'763'700'000'000;  // 2025-11-21
inline constexpr UnixMillis kHour = 3600ULL * 1000;

// On hardware doubles: the same bytes, sooner.
inline crypto::PrivateKey new_key(crypto::SignatureAlgorithm algorithm) {
  return crypto::PrivateKey::generate(algorithm, crypto::FalconArithmetic::kNativeDouble).value();
}
inline trustchain::HybridKey new_pair() {
  return trustchain::HybridKey::from_keys(new_key(crypto::SignatureAlgorithm::kFalcon1024),
                                          new_key(crypto::SignatureAlgorithm::kEd25519))
      .value();
}

struct Node {
  trustchain::HybridKey identity;
  MemberInfo info;
};

// Two operators of whom `required` admit a validator; one anchor; the first node is "alpha".
struct Fleet {
  trustchain::HybridKey root = new_pair();
  trustchain::HybridKey operator_1 = new_pair();
  trustchain::HybridKey operator_2 = new_pair();
  crypto::PrivateKey root_ecdsa = new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  crypto::PrivateKey anchor_key = new_key(crypto::SignatureAlgorithm::kFalcon1024);
  Node alpha;
  Genesis genesis;
  trustchain::AnchorRecord anchor;
  std::uint8_t next_serial = 1;

  Fleet(const std::string& name, std::uint8_t required, bool two_operators = true) {
    alpha = make_node("alpha", Role::kValidator);
    alpha.info.sponsor = alpha.info.node_id;
    genesis = {.fleet_name = name,
               .root = root.public_key(),
               .root_ecdsa = root_ecdsa.public_key(),
               .operators = {operator_1.public_key()},
               .operators_required = required,
               .first_member = alpha.info,
               .parameters = {},
               .created = kNow,
               .root_signature = {}};
    if (two_operators) {
      genesis.operators.push_back(operator_2.public_key());
    }
    sign_genesis(genesis, root).value();
    anchor = make_anchor(anchor_key, root);
  }

  Node make_node(std::string name, Role role = Role::kNode) const {
    Node out;
    out.identity = new_pair();
    out.info = {.node_id = trustchain::node_id(out.identity.public_key()),
                .name = std::move(name),
                .role = role,
                .identity = out.identity.public_key(),
                .admitted_at = kNow,
                .sponsor = alpha.info.node_id};
    return out;
  }

  trustchain::AnchorRecord make_anchor(const crypto::PrivateKey& key,
                                       const trustchain::HybridKey& signer) {
    trustchain::AnchorRecord out;
    out.chain_id = chain_id(genesis);
    out.holder = alpha.info.node_id;
    out.not_before = kNow - trustchain::kLeafBackdateMs;
    out.not_after = kNow + trustchain::kAnchorLifeMs;
    out.constraints = {.dns_suffix = trustchain::fleet_dns_suffix(genesis.fleet_name),
                       .leaf_life_ms_max = trustchain::kLeafLifeMs};
    out.certificate =
        trustchain::make_anchor_certificate(key, out.not_before, out.not_after, serial()).value();
    trustchain::sign_anchor(out, signer).value();
    return out;
  }

  Member admit(const Node& node) const { return admit(node, {&operator_1}); }
  Member admit(const Node& node,
               std::initializer_list<const trustchain::HybridKey*> signers) const {
    Member out{.chain_id = chain_id(genesis), .info = node.info, .signatures = {}};
    for (const trustchain::HybridKey* signer : signers) {
      sign_member(out, *signer).value();
    }
    return out;
  }

  Bytes serial() {
    Bytes out(16, 0x21);
    out.back() = next_serial++;
    return out;
  }

  crypto::Certificate issue(const crypto::CertificateRequest& request, const std::string& name,
                            UnixMillis now) {
    return trustchain::issue_leaf(request, anchor, anchor_key,
                                  {.node_name = name,
                                   .fleet_name = genesis.fleet_name,
                                   .now = now,
                                   .serial = serial()})
        .value();
  }

  MemberSet set(std::span<const Member> members) const {
    return MemberSet::create(genesis, std::span(&anchor, 1), members).value();
  }

  // For `node`, whom `record` admits.
  Bundle bundle(const Node& node, const Member& record) {
    Bundle out;
    out.created = kNow;
    out.genesis = genesis;
    out.anchors = {anchor};
    out.members = {record};
    out.node_id = node.info.node_id;
    out.identity = node.identity;
    const auto leaf = trustchain::make_leaf_request(node.info.name, genesis.fleet_name).value();
    out.leaf_key = leaf.key;
    out.leaf = issue(leaf.request, node.info.name, kNow);
    out.binding = encode(trustchain::make_binding(node.identity, node.info.node_id,
                                                  out.leaf.public_key(), out.leaf.not_after())
                             .value());
    PeerHint hint{.node_id = alpha.info.node_id, .address = {}, .port = 9292};
    hint.address.back() = 1;
    out.peers = {hint};
    return out;
  }
};

template <class T>
std::string code(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

}  // namespace i2::fleet::testing
