#include <i2/fleet/core/genesis.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kGenesisVersion = 1;

wire::CanonicalWriter fields(const Genesis& genesis) {
  wire::CanonicalWriter w(kGenesisType, kGenesisVersion);
  w.text(genesis.fleet_name);
  write(w, genesis.root);
  w.bytes(genesis.root_ecdsa.spki());
  w.count(genesis.operators.size());
  for (const trustchain::HybridPublicKey& key : genesis.operators) {
    write(w, key);
  }
  w.u8(genesis.operators_required);
  write(w, genesis.first_member);
  w.u32(genesis.parameters.proof_policy);
  w.u64(genesis.created);
  return w;
}

Bytes signed_part(const Genesis& genesis) {
  return fields(genesis).take();
}

crypto::PublicKey read_ecdsa(wire::CanonicalReader& r) {
  const ByteView der = r.bytes(trustchain::kSpkiSizeMax);
  if (!r.ok()) {
    return {};
  }
  auto key = crypto::PublicKey::from_spki(der);
  if (!key || key->algorithm() != crypto::SignatureAlgorithm::kEcdsaP256 ||
      !equal(key->spki(), der)) {
    r.fail();
    return {};
  }
  return *std::move(key);
}

std::vector<trustchain::HybridPublicKey> read_operators(wire::CanonicalReader& r) {
  std::vector<trustchain::HybridPublicKey> out;
  const std::size_t count = r.count(kOperatorsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    auto key = trustchain::read_public_key(r);
    if (!out.empty() && operator_id(key) <= operator_id(out.back())) {
      r.fail();
    }
    out.push_back(std::move(key));
  }
  return out;
}

}  // namespace

Result<void> sign_genesis(Genesis& genesis, const trustchain::HybridKey& root) {
  std::ranges::sort(genesis.operators, {}, operator_id);
  I2_TRY_VALUE(genesis.root_signature, root.sign(kGenesisDomain, signed_part(genesis)));
  return {};
}

Bytes encode(const Genesis& genesis) {
  wire::CanonicalWriter w = fields(genesis);
  write(w, genesis.root_signature);
  return std::move(w).take();
}

ChainId chain_id(const Genesis& genesis) {
  return ChainId{trustchain::object_id(kGenesisDomain, signed_part(genesis))};
}

Result<Genesis> decode_genesis(ByteView encoding) {
  wire::CanonicalReader r(encoding, kGenesisType, kGenesisVersion);
  Genesis out;
  out.fleet_name = r.text(trustchain::kNameSizeMax);
  out.root = trustchain::read_public_key(r);
  out.root_ecdsa = read_ecdsa(r);
  out.operators = read_operators(r);
  out.operators_required = r.u8();
  out.first_member = read_member_info(r);
  out.parameters.proof_policy = r.u32();
  out.created = r.u64();
  out.root_signature = trustchain::read_signature(r);
  if (const auto done = r.finish(); !done) {
    return fail("fleet.genesis_invalid", "the genesis is malformed");
  }
  if (!trustchain::is_name(out.fleet_name)) {
    return fail("fleet.genesis_invalid", "the genesis names no usable fleet name");
  }
  if (out.operators_required < 1 || out.operators_required > out.operators.size()) {
    return fail("fleet.genesis_invalid",
                "the genesis asks for more operators than it has, or for none");
  }
  if (out.first_member.sponsor != out.first_member.node_id) {
    return fail("fleet.genesis_invalid", "the first member of the genesis is not its own sponsor");
  }
  return out;
}

Result<void> verify_genesis(const Genesis& genesis) {
  if (!genesis.root.verify(kGenesisDomain, signed_part(genesis), genesis.root_signature)) {
    return fail("fleet.genesis_invalid", "the genesis is not signed by the root it names");
  }
  return {};
}

}  // namespace i2::fleet
