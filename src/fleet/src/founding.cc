#include "founding.h"

#include <i2/crypto/random.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

#include "layout.h"
#include "ledger_files.h"
#include "ordinary_files.h"
#include "serial.h"

namespace i2::fleet {
namespace {

using crypto::PrivateKey;
using crypto::SignatureAlgorithm;
using trustchain::HybridKey;

struct FounderKeys {
  HybridKey root;
  PrivateKey root_ecdsa;
  HybridKey operator_key;
  HybridKey node;
  PrivateKey anchor;
};

Result<FounderKeys> make_keys() {
  FounderKeys out;
  I2_TRY_VALUE(out.root, HybridKey::generate());
  I2_TRY_VALUE(out.root_ecdsa, PrivateKey::generate(SignatureAlgorithm::kEcdsaP256));
  I2_TRY_VALUE(out.operator_key, HybridKey::generate());
  I2_TRY_VALUE(out.node, HybridKey::generate());
  I2_TRY_VALUE(out.anchor, PrivateKey::generate(SignatureAlgorithm::kFalcon1024));
  return out;
}

Result<Genesis> make_genesis(const FounderKeys& keys, const std::string& fleet_name,
                             const std::string& node_name, UnixMillis now) {
  const NodeId node = trustchain::node_id(keys.node.public_key());
  Genesis out{.fleet_name = fleet_name,
              .root = keys.root.public_key(),
              .root_ecdsa = keys.root_ecdsa.public_key(),
              .operators = {keys.operator_key.public_key()},
              .operators_required = 1,
              .first_member = {.node_id = node,
                               .name = node_name,
                               .role = Role::kValidator,
                               .identity = keys.node.public_key(),
                               .admitted_at = now,
                               .sponsor = node},
              .parameters = {},
              .created = now,
              .root_signature = {}};
  I2_TRY(sign_genesis(out, keys.root));
  return out;
}

Result<trustchain::AnchorRecord> make_anchor(const FounderKeys& keys, const Genesis& genesis,
                                             UnixMillis now) {
  trustchain::AnchorRecord out;
  out.chain_id = chain_id(genesis);
  out.holder = genesis.first_member.node_id;
  // Whole seconds, as in a certificate: a leaf that begins with its anchor must not begin before
  // it.
  out.not_before = (now - std::min(now, trustchain::kLeafBackdateMs)) / 1000 * 1000;
  out.not_after = now + trustchain::kAnchorLifeMs;
  out.constraints = {.dns_suffix = trustchain::fleet_dns_suffix(genesis.fleet_name),
                     .leaf_life_ms_max = trustchain::kLeafLifeMs};
  I2_TRY_VALUE(out.certificate, trustchain::make_anchor_certificate(
                                    keys.anchor, out.not_before, out.not_after, random_serial()));
  I2_TRY(trustchain::sign_anchor(out, keys.root));
  return out;
}

void add_founder_secrets(SetupContents& contents, const FounderKeys& keys) {
  contents.directories.emplace_back(kCaDir);
  contents.directories.emplace_back(kRootDir);
  const auto add = [&contents](std::string_view path, const PrivateKey& key) {
    contents.files.push_back(secret_file(path, key.pem()));
  };
  add(kOperatorFalconFile, keys.operator_key.falcon());
  add(kOperatorEd25519File, keys.operator_key.ed25519());
  add(kAnchorKeyFile, keys.anchor);
  add(kRootFalconFile, keys.root.falcon());
  add(kRootEd25519File, keys.root.ed25519());
  add(kRootEcdsaFile, keys.root_ecdsa);
}

}  // namespace

Result<Founding> found_fleet(const std::string& fleet_name, const std::string& node_name,
                             UnixMillis now) {
  I2_TRY_VALUE(const FounderKeys keys, make_keys());
  I2_TRY_VALUE(const Genesis genesis, make_genesis(keys, fleet_name, node_name, now));
  I2_TRY_VALUE(const auto anchor, make_anchor(keys, genesis, now));
  I2_TRY_VALUE(const auto leaf, trustchain::make_leaf_request(node_name, fleet_name));
  I2_TRY_VALUE(const auto certificate, trustchain::issue_leaf(leaf.request, anchor, keys.anchor,
                                                              {.node_name = node_name,
                                                               .fleet_name = fleet_name,
                                                               .now = now,
                                                               .serial = random_serial()}));
  const NodeId node = genesis.first_member.node_id;
  I2_TRY_VALUE(
      const auto binding,
      trustchain::make_binding(keys.node, node, certificate.public_key(), certificate.not_after()));
  Founding out{.contents = node_contents({.identity = keys.node,
                                          .leaf_key = leaf.key,
                                          .leaf = certificate,
                                          .binding = encode(binding),
                                          .genesis = genesis,
                                          .anchors = std::span(&anchor, 1),
                                          .members = {},
                                          .peers = {}}),
               .node_id = node};
  add_founder_secrets(out.contents, keys);
  I2_TRY_VALUE(auto ordinary, ordinary_authority_file(keys.root_ecdsa, fleet_name, now));
  out.contents.files.push_back(std::move(ordinary));
  return out;
}

}  // namespace i2::fleet
