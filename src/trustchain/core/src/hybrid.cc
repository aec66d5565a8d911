#include <i2/crypto/hash.h>
#include <i2/trustchain/core/hybrid.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

using crypto::SignatureAlgorithm;

Bytes in_domain(Domain domain, ByteView message) {
  Bytes out = to_bytes(as_bytes(domain.text));
  append(out, message);
  return out;
}

}  // namespace

Hash256 object_id(Domain domain, ByteView encoding) {
  return crypto::sha256({as_bytes(domain.text), encoding});
}

Result<HybridPublicKey> HybridPublicKey::from_keys(crypto::PublicKey falcon,
                                                   crypto::PublicKey ed25519) {
  if (!falcon || falcon.algorithm() != SignatureAlgorithm::kFalcon1024) {
    return fail("trust.key_algorithm", "the first key of a pair must be a Falcon-1024 key");
  }
  if (!ed25519 || ed25519.algorithm() != SignatureAlgorithm::kEd25519) {
    return fail("trust.key_algorithm", "the second key of a pair must be an Ed25519 key");
  }
  HybridPublicKey out;
  out.falcon_spki_ = falcon.spki();
  out.ed25519_spki_ = ed25519.spki();
  out.falcon_ = std::move(falcon);
  out.ed25519_ = std::move(ed25519);
  return out;
}

Result<HybridPublicKey> HybridPublicKey::from_spki(ByteView falcon, ByteView ed25519) {
  I2_TRY_VALUE(auto falcon_key, crypto::PublicKey::from_spki(falcon));
  I2_TRY_VALUE(auto ed25519_key, crypto::PublicKey::from_spki(ed25519));
  I2_TRY_VALUE(auto out, from_keys(std::move(falcon_key), std::move(ed25519_key)));
  // The node id hashes these bytes: one key must not have two encodings.
  if (!equal(out.falcon_spki_, falcon) || !equal(out.ed25519_spki_, ed25519)) {
    return fail("crypto.key_malformed", "a public key is not in its canonical DER encoding");
  }
  return out;
}

Hash256 HybridPublicKey::id(Domain domain) const {
  return crypto::sha256({as_bytes(domain.text), falcon_spki_, ed25519_spki_});
}

bool HybridPublicKey::verify(Domain domain, ByteView message,
                             const HybridSignature& signature) const {
  if (!*this) {
    return false;
  }
  const Bytes whole = in_domain(domain, message);
  return ed25519_.verify(whole, signature.ed25519) && falcon_.verify(whole, signature.falcon);
}

Result<HybridKey> HybridKey::generate() {
  I2_TRY_VALUE(auto falcon, crypto::PrivateKey::generate(SignatureAlgorithm::kFalcon1024));
  I2_TRY_VALUE(auto ed25519, crypto::PrivateKey::generate(SignatureAlgorithm::kEd25519));
  return from_keys(std::move(falcon), std::move(ed25519));
}

Result<HybridKey> HybridKey::from_keys(crypto::PrivateKey falcon, crypto::PrivateKey ed25519) {
  I2_TRY_VALUE(auto public_key,
               HybridPublicKey::from_keys(falcon.public_key(), ed25519.public_key()));
  HybridKey out;
  out.falcon_ = std::move(falcon);
  out.ed25519_ = std::move(ed25519);
  out.public_key_ = std::move(public_key);
  return out;
}

Result<HybridSignature> HybridKey::sign(Domain domain, ByteView message) const {
  if (!public_key_) {
    return fail("crypto.sign", "there is no key to sign with");
  }
  const Bytes whole = in_domain(domain, message);
  HybridSignature out;
  I2_TRY_VALUE(out.falcon, falcon_.sign(whole));
  I2_TRY_VALUE(const Bytes ed25519, ed25519_.sign(whole));
  if (ed25519.size() != out.ed25519.size()) {
    return fail("crypto.sign", "an Ed25519 signature must have 64 bytes");
  }
  std::ranges::copy(ed25519, out.ed25519.begin());
  return out;
}

NodeId node_id(const HybridPublicKey& identity) {
  return NodeId{identity.id(kNodeDomain)};
}

void write(wire::CanonicalWriter& w, const HybridPublicKey& key) {
  w.bytes(key.falcon_spki());
  w.bytes(key.ed25519_spki());
}

void write(wire::CanonicalWriter& w, const HybridSignature& signature) {
  w.bytes(signature.falcon);
  w.fixed(signature.ed25519);
}

HybridPublicKey read_public_key(wire::CanonicalReader& r) {
  const ByteView falcon = r.bytes(kSpkiSizeMax);
  const ByteView ed25519 = r.bytes(kSpkiSizeMax);
  if (!r.ok()) {
    return {};
  }
  auto key = HybridPublicKey::from_spki(falcon, ed25519);
  if (!key) {
    r.fail();
    return {};
  }
  return *std::move(key);
}

HybridSignature read_signature(wire::CanonicalReader& r) {
  const auto& falcon = crypto::info(SignatureAlgorithm::kFalcon1024);
  HybridSignature out;
  out.falcon = to_bytes(r.bytes(falcon.signature_size_max));
  out.ed25519 = r.fixed<kEd25519SignatureSize>();
  return out;
}

}  // namespace i2::trustchain
