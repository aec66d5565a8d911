#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/random.h>
#include <i2/stoq/core/testing/trust.h>
#include <i2/wire/reader.h>

namespace i2::stoq::core::testing {
namespace {

Bytes new_serial() {
  Bytes serial(16);
  crypto::random_bytes(serial);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3f) | 0x40);
  return serial;
}

crypto::PrivateKey generate(crypto::SignatureAlgorithm algorithm) {
  auto key = crypto::PrivateKey::generate(algorithm, crypto::FalconArithmetic::kNativeDouble);
  I2_ASSERT(key);
  return std::move(*key);
}

Bytes binding_body(const Hash256& spki_hash, UnixMillis not_after) {
  Bytes out;
  wire::Writer writer(out);
  writer.bytes(spki_hash);
  writer.u64(not_after);
  return out;
}

}  // namespace

OrdinaryChain make_ordinary_chain(std::vector<std::string> dns_names, UnixMillis now) {
  constexpr UnixMillis kDay = 24ULL * 3'600'000;
  const auto root_key = generate(crypto::SignatureAlgorithm::kEcdsaP256);
  const auto issuer_key = generate(crypto::SignatureAlgorithm::kEcdsaP256);
  const auto leaf_key = generate(crypto::SignatureAlgorithm::kEcdsaP256);
  auto root = crypto::build_certificate({.subject_key = root_key.public_key(),
                                         .common_name = "test root",
                                         .dns_names = {},
                                         .not_before = now - kDay,
                                         .not_after = now + 3650 * kDay,
                                         .ca = true,
                                         .path_length = 1,
                                         .serial = new_serial()},
                                        nullptr, root_key);
  I2_ASSERT(root);
  auto issuer = crypto::build_certificate({.subject_key = issuer_key.public_key(),
                                           .common_name = "test intermediate",
                                           .dns_names = {},
                                           .not_before = now - kDay,
                                           .not_after = now + 365 * kDay,
                                           .ca = true,
                                           .path_length = 0,
                                           .serial = new_serial()},
                                          &*root, root_key);
  I2_ASSERT(issuer);
  const std::string name = dns_names.front();
  auto leaf = crypto::build_certificate({.subject_key = leaf_key.public_key(),
                                         .common_name = name,
                                         .dns_names = std::move(dns_names),
                                         .not_before = now - 300'000,
                                         .not_after = now + kDay,
                                         .path_length = std::nullopt,
                                         .serial = new_serial()},
                                        &*issuer, issuer_key);
  I2_ASSERT(leaf);
  return {.root = std::move(*root),
          .credential = std::make_shared<const ports::OrdinaryCredential>(
              ports::OrdinaryCredential{std::move(*leaf), leaf_key, {std::move(*issuer)}})};
}

TestNode::TestNode(const TestFleet& fleet, std::string name, UnixMillis now, Duration life,
                   crypto::SignatureAlgorithm leaf)
    : name_(std::move(name)),
      identity_(generate(crypto::SignatureAlgorithm::kEd25519)),
      sign_with_(identity_) {
  id_.bytes = crypto::sha256(identity_.public_key().spki());
  crypto::PrivateKey leaf_key = generate(leaf);
  const UnixMillis not_after = now + life / kMillisecond;
  auto certificate = fleet.issue({.subject_key = leaf_key.public_key(),
                                  .common_name = name_,
                                  .dns_names = {name_ + ".test.i2.internal"},
                                  .not_before = now - 300'000,
                                  .not_after = not_after,
                                  .path_length = std::nullopt,
                                  .serial = new_serial()});
  I2_ASSERT(certificate);
  credential_ = std::make_shared<const ports::LeafCredential>(
      ports::LeafCredential{std::move(*certificate), std::move(leaf_key), {}});
  bind_until(not_after);
}

void TestNode::bind_until(UnixMillis not_after) {
  const Bytes body = binding_body(credential_->certificate.public_key().spki_sha256(), not_after);
  auto signature = identity_.sign(body);
  I2_ASSERT(signature);
  Bytes binding = body;
  append(binding, *signature);
  credential_ = std::make_shared<const ports::LeafCredential>(
      ports::LeafCredential{credential_->certificate, credential_->key, std::move(binding)});
}

TestFleet::TestFleet(UnixMillis now)
    : anchor_key_(generate(crypto::SignatureAlgorithm::kFalcon1024)) {
  auto anchor = crypto::build_certificate({.subject_key = anchor_key_.public_key(),
                                           .common_name = "test anchor",
                                           .dns_names = {},
                                           .not_before = now - 3'600'000,
                                           .not_after = now + 365ULL * 24 * 3'600'000,
                                           .ca = true,
                                           .path_length = 0,
                                           .serial = new_serial()},
                                          nullptr, anchor_key_);
  I2_ASSERT(anchor);
  anchor_ = std::move(*anchor);
}

Result<crypto::Certificate> TestFleet::issue(const crypto::CertificateFields& fields) const {
  return crypto::build_certificate(fields, &anchor_, anchor_key_);
}

Result<ports::LeafStanding> TestFleet::check_leaf(const crypto::Certificate& leaf,
                                                  UnixMillis now) const {
  const auto verified = crypto::verify_certificate(leaf, {&anchor_, 1}, now);
  if (verified) {
    return leaf.subject_common_name() == unlogged_ ? ports::LeafStanding::kUnlogged
                                                   : ports::LeafStanding::kValid;
  }
  if (verified.error().is("crypto.expired")) {
    return ports::LeafStanding::kExpired;
  }
  if (verified.error().is("crypto.not_yet_valid")) {
    return fail("trust.leaf_not_yet_valid", verified.error().message());
  }
  return fail("trust.leaf_untrusted", verified.error().message());
}

Result<ports::PeerIdentity> TestFleet::check_hello(const ports::HelloClaim& claim,
                                                   UnixMillis now) const {
  const auto member = members_.find(claim.node_id);
  if (member == members_.end()) {
    return fail("trust.member_unknown", "not a member");
  }
  wire::Reader reader(claim.binding);
  const Hash256 spki_hash = reader.array<32>();
  const UnixMillis not_after = reader.u64();
  if (!reader.ok() || spki_hash != claim.leaf.public_key().spki_sha256() ||
      !member->second.identity.verify(binding_body(spki_hash, not_after), reader.rest())) {
    return fail("trust.binding_invalid", "binding");
  }
  if (not_after < now) {
    return fail("trust.binding_expired", "binding");
  }
  if (!member->second.identity.verify(claim.message, claim.signature)) {
    return fail("trust.hello_signature", "signature");
  }
  return ports::PeerIdentity{claim.node_id, member->second.name};
}

}  // namespace i2::stoq::core::testing
