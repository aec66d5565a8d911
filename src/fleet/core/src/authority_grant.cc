#include <i2/fleet/core/authority_grant.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

namespace i2::fleet {
namespace {

using crypto::SignatureAlgorithm;

constexpr std::uint16_t kRequestType = 0x0217;
constexpr std::uint16_t kGrantType = 0x0218;
constexpr std::uint16_t kGrantVersion = 1;
constexpr std::size_t kCsrSizeMax = 4096;
constexpr std::size_t kAnchorRecordSizeMax = 16 * 1024;

bool is_key(const crypto::PublicKey& key, SignatureAlgorithm algorithm) {
  return key && key.algorithm() == algorithm;
}

bool is_one_key(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a && b && equal(a.spki(), b.spki());
}

wire::CanonicalWriter request_fields(const AuthorityRequest& request) {
  wire::CanonicalWriter w(kRequestType, kGrantVersion);
  w.fixed(request.chain_id.view());
  write(w, request.identity);
  w.bytes(request.anchor.der());
  w.bytes(request.ordinary.der());
  return w;
}

std::unexpected<Error> bad_request(std::string why) {
  return fail("fleet.authority_request_invalid", "the request for an authority " + std::move(why));
}

std::unexpected<Error> bad_grant(std::string why) {
  return fail("fleet.authority_grant_invalid", "the grant of an authority " + std::move(why));
}

Result<void> check_keys(const AuthorityRequest& request) {
  if (!is_key(request.anchor.public_key(), SignatureAlgorithm::kFalcon1024) ||
      !request.anchor.is_ca() ||
      !is_key(request.ordinary.public_key(), SignatureAlgorithm::kEcdsaP256)) {
    return bad_request("has keys of another kind");
  }
  if (!crypto::is_signed_by(request.anchor, request.anchor) ||
      !request.ordinary.verify_possession()) {
    return bad_request("does not prove that its author has the keys");
  }
  return {};
}

}  // namespace

Result<void> sign_request(AuthorityRequest& request, const trustchain::HybridKey& identity) {
  request.identity = identity.public_key();
  I2_TRY_VALUE(request.signature,
               identity.sign(kAuthorityRequestDomain, request_fields(request).take()));
  return {};
}

Bytes encode(const AuthorityRequest& request) {
  wire::CanonicalWriter w = request_fields(request);
  write(w, request.signature);
  return std::move(w).take();
}

Result<AuthorityRequest> decode_authority_request(ByteView encoding) {
  wire::CanonicalReader r(encoding, kRequestType, kGrantVersion);
  AuthorityRequest out;
  out.chain_id.bytes = r.fixed<32>();
  out.identity = trustchain::read_public_key(r);
  out.anchor = trustchain::read_certificate(r);
  const ByteView csr = r.bytes(kCsrSizeMax);
  out.signature = trustchain::read_signature(r);
  if (!r.finish()) {
    return bad_request("is malformed");
  }
  auto ordinary = crypto::CertificateRequest::from_der(csr);
  if (!ordinary || !equal(ordinary->der(), csr)) {
    return bad_request("is malformed");
  }
  out.ordinary = *std::move(ordinary);
  I2_TRY(check_keys(out));
  if (!out.identity.verify(kAuthorityRequestDomain, request_fields(out).take(), out.signature)) {
    return bad_request("is not signed by the identity that it names");
  }
  return out;
}

Result<AuthorityGrant> make_grant(const AuthorityRequest& request, const Genesis& genesis,
                                  const RootKeys& root, UnixMillis now, Bytes (*serial)()) {
  if (request.chain_id != chain_id(genesis)) {
    return bad_request("is for another fleet");
  }
  if (root.pair.public_key() != genesis.root ||
      !is_one_key(root.ecdsa.public_key(), genesis.root_ecdsa)) {
    return fail("fleet.root_absent", "these are not the keys of this fleet's root");
  }
  AuthorityGrant out;
  out.anchor.chain_id = request.chain_id;
  out.anchor.holder = trustchain::node_id(request.identity);
  out.anchor.certificate = request.anchor;
  out.anchor.not_before =
      std::max(request.anchor.not_before(),
               (now - std::min(now, trustchain::kLeafBackdateMs)) / 1000 * 1000);
  out.anchor.not_after = std::min(request.anchor.not_after(), now + trustchain::kAnchorLifeMs);
  if (out.anchor.not_before >= out.anchor.not_after) {
    return bad_request("is from another time: make it anew, and compare the clocks");
  }
  out.anchor.constraints = {.dns_suffix = trustchain::fleet_dns_suffix(genesis.fleet_name),
                            .leaf_life_ms_max = trustchain::kLeafLifeMs};
  I2_TRY(trustchain::sign_anchor(out.anchor, root.pair));
  out.ordinary_root = root.certificate;
  I2_TRY_VALUE(out.ordinary, trustchain::make_ordinary_issuer(root.ecdsa, root.certificate,
                                                              request.ordinary.public_key(),
                                                              genesis.fleet_name, now, serial()));
  return out;
}

Bytes encode(const AuthorityGrant& grant) {
  wire::CanonicalWriter w(kGrantType, kGrantVersion);
  w.bytes(encode(grant.anchor));
  w.bytes(grant.ordinary.der());
  w.bytes(grant.ordinary_root.der());
  return std::move(w).take();
}

Result<AuthorityGrant> decode_authority_grant(ByteView encoding) {
  wire::CanonicalReader r(encoding, kGrantType, kGrantVersion);
  AuthorityGrant out;
  const ByteView anchor = r.bytes(kAnchorRecordSizeMax);
  out.ordinary = trustchain::read_certificate(r);
  out.ordinary_root = trustchain::read_certificate(r);
  if (!r.finish()) {
    return bad_grant("is malformed");
  }
  I2_TRY_VALUE(out.anchor, trustchain::decode_anchor(anchor));
  return out;
}

Result<void> verify_grant(const AuthorityGrant& grant, const Genesis& genesis, const NodeId& node,
                          const crypto::PublicKey& anchor_key,
                          const crypto::PublicKey& ordinary_key) {
  if (!trustchain::verify_anchor(grant.anchor, chain_id(genesis), genesis.root)) {
    return bad_grant("is not signed by the root of this fleet");
  }
  if (grant.anchor.holder != node) {
    return bad_grant("is for another node");
  }
  if (!is_one_key(grant.anchor.certificate.public_key(), anchor_key) ||
      !is_one_key(grant.ordinary.public_key(), ordinary_key)) {
    return bad_grant("is for other keys than this node has asked with last");
  }
  if (!is_one_key(grant.ordinary_root.public_key(), genesis.root_ecdsa) ||
      !grant.ordinary.is_ca() || !crypto::is_signed_by(grant.ordinary, grant.ordinary_root)) {
    return bad_grant("has an intermediate that is not under the root of this fleet");
  }
  return {};
}

}  // namespace i2::fleet
