#include <i2/base/assert.h>
#include <i2/trustchain/core/witness_keys.h>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kWitnessKeysVersion = 1;
constexpr std::size_t kWitnessVkeySizeMax = 4096;

bool cosigns(ct::NoteKeyType type) {
  return type == ct::NoteKeyType::kEd25519Cosignature ||
         type == ct::NoteKeyType::kMlDsa44Cosignature ||
         type == ct::NoteKeyType::kFalconCosignature;
}

bool acceptable(const WitnessKeys& statement) {
  const std::string name = witness_name(statement.chain, statement.node);
  for (const ct::NoteKey& key : statement.keys) {
    if (!cosigns(key.type()) || key.name() != name) {
      return false;
    }
  }
  return !statement.keys.empty() && statement.keys.size() <= kWitnessKeysMax;
}

wire::CanonicalWriter witness_fields(const WitnessKeys& statement) {
  wire::CanonicalWriter w(kWitnessKeysType, kWitnessKeysVersion);
  w.fixed(statement.chain.view());
  w.fixed(statement.node.view());
  w.u64(statement.made_at);
  w.count(statement.keys.size());
  for (const ct::NoteKey& key : statement.keys) {
    w.text(key.vkey());
  }
  return w;
}

std::unexpected<Error> wrong_statement(std::string_view what) {
  return fail("trust.witness_keys", std::string(what));
}

}  // namespace

std::string witness_name(const ChainId& chain, const NodeId& node) {
  return "i2.internal/" + chain.hex() + "/witness/" + node.hex();
}

Result<WitnessKeys> make_witness_keys(const HybridKey& identity, const ChainId& chain,
                                      UnixMillis made_at, std::vector<ct::NoteKey> keys) {
  WitnessKeys out{.chain = chain,
                  .node = node_id(identity.public_key()),
                  .made_at = made_at,
                  .keys = std::move(keys),
                  .signature = {}};
  I2_ASSERT(acceptable(out));
  I2_TRY_VALUE(out.signature, identity.sign(kWitnessKeysDomain, signed_part(out)));
  return out;
}

Bytes signed_part(const WitnessKeys& statement) {
  return witness_fields(statement).take();
}

Bytes encode(const WitnessKeys& statement) {
  wire::CanonicalWriter w = witness_fields(statement);
  write(w, statement.signature);
  return std::move(w).take();
}

Result<WitnessKeys> decode_witness_keys(ByteView encoding) {
  wire::CanonicalReader r(encoding, kWitnessKeysType, kWitnessKeysVersion);
  WitnessKeys out;
  out.chain.bytes = r.fixed<32>();
  out.node.bytes = r.fixed<32>();
  out.made_at = r.u64();
  const std::size_t count = r.count(kWitnessKeysMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    const std::string vkey = r.text(kWitnessVkeySizeMax);
    auto key = ct::NoteKey::parse(vkey);
    if (!key || key->vkey() != vkey) {
      r.fail();
      break;
    }
    out.keys.push_back(*std::move(key));
  }
  out.signature = read_signature(r);
  if (!r.finish() || !acceptable(out)) {
    return wrong_statement("the statement of a witness's keys is malformed");
  }
  return out;
}

Result<void> verify_witness_keys(const WitnessKeys& statement, const ChainId& chain,
                                 const NodeId& node, const HybridPublicKey& identity) {
  if (statement.chain != chain || statement.node != node) {
    return wrong_statement("the statement of a witness's keys is that of another node or fleet");
  }
  if (!identity.verify(kWitnessKeysDomain, signed_part(statement), statement.signature)) {
    return wrong_statement(
        "the statement of a witness's keys does not carry both signatures of its node");
  }
  return {};
}

}  // namespace i2::trustchain
