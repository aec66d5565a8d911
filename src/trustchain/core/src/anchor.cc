#include <i2/trustchain/core/anchor.h>
#include <i2/wire/text.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kAnchorVersion = 1;
constexpr std::size_t kDnsNameSizeMax = 253;

wire::CanonicalWriter fields(const AnchorRecord& record) {
  wire::CanonicalWriter w(kAnchorType, kAnchorVersion);
  w.fixed(record.chain_id.view());
  w.fixed(record.holder.view());
  w.bytes(record.certificate.der());
  w.u64(record.not_before);
  w.u64(record.not_after);
  w.text(record.constraints.dns_suffix);
  w.u64(record.constraints.leaf_life_ms_max);
  return w;
}

Bytes signed_part(const AnchorRecord& record) {
  return fields(record).take();
}

bool within(const AnchorConstraints& constraints, const crypto::Certificate& leaf) {
  const UnixMillis from = leaf.not_before();
  const UnixMillis until = leaf.not_after();
  if (until <= from || until - from > constraints.leaf_life_ms_max) {
    return false;
  }
  const std::string child = "." + constraints.dns_suffix;
  const auto names = leaf.dns_names();
  return !names.empty() && std::ranges::all_of(names, [&child](const std::string& name) {
    return name.size() > child.size() && name.ends_with(child);
  });
}

}  // namespace

crypto::Certificate read_certificate(wire::CanonicalReader& r) {
  const ByteView der = r.bytes(kCertificateSizeMax);
  if (!r.ok()) {
    return {};
  }
  auto certificate = crypto::Certificate::from_der(der);
  if (!certificate || !equal(certificate->der(), der)) {
    r.fail();
    return {};
  }
  return *std::move(certificate);
}

Result<crypto::Certificate> make_anchor_certificate(const crypto::PrivateKey& key,
                                                    UnixMillis not_before, UnixMillis not_after,
                                                    Bytes serial) {
  // The key's fingerprint makes the subject unique, so that a verifier finds the issuer by name.
  const Hash256 fingerprint = key.public_key().spki_sha256();
  const crypto::CertificateFields fields{
      .subject_key = key.public_key(),
      .common_name = "i2 anchor " + wire::to_base32(ByteView(fingerprint).first(10)),
      .dns_names = {},
      .not_before = not_before,
      .not_after = not_after,
      .ca = true,
      .path_length = 0,
      .serial = std::move(serial)};
  return crypto::build_certificate(fields, nullptr, key);
}

Result<void> sign_anchor(AnchorRecord& record, const HybridKey& root) {
  I2_TRY_VALUE(record.root_signature, root.sign(kAnchorDomain, signed_part(record)));
  return {};
}

Bytes encode(const AnchorRecord& record) {
  wire::CanonicalWriter w = fields(record);
  write(w, record.root_signature);
  return std::move(w).take();
}

Hash256 id(const AnchorRecord& record) {
  return object_id(kAnchorDomain, signed_part(record));
}

Result<AnchorRecord> decode_anchor(ByteView encoding) {
  wire::CanonicalReader r(encoding, kAnchorType, kAnchorVersion);
  AnchorRecord out;
  out.chain_id.bytes = r.fixed<32>();
  out.holder.bytes = r.fixed<32>();
  out.certificate = read_certificate(r);
  out.not_before = r.u64();
  out.not_after = r.u64();
  out.constraints.dns_suffix = r.text(kDnsNameSizeMax);
  out.constraints.leaf_life_ms_max = r.u64();
  out.root_signature = read_signature(r);
  if (const auto done = r.finish(); !done) {
    return fail("trust.anchor_invalid", "the anchor record is malformed");
  }
  if (!out.certificate.is_ca()) {
    return fail("trust.anchor_invalid", "the certificate of the anchor record is not a CA's");
  }
  if (out.not_after <= out.not_before || out.constraints.dns_suffix.empty()) {
    return fail("trust.anchor_invalid", "the anchor record allows nothing");
  }
  return out;
}

Result<void> verify_anchor(const AnchorRecord& record, const ChainId& chain,
                           const HybridPublicKey& root) {
  if (record.chain_id != chain) {
    return fail("trust.anchor_invalid", "the anchor record belongs to another fleet");
  }
  if (!root.verify(kAnchorDomain, signed_part(record), record.root_signature)) {
    return fail("trust.anchor_invalid", "the anchor record is not signed by the fleet root");
  }
  return {};
}

Result<void> check_leaf(const AnchorRecord& record, const crypto::Certificate& leaf,
                        UnixMillis at) {
  if (leaf && leaf.public_key().algorithm() != crypto::SignatureAlgorithm::kFalcon1024) {
    return fail("trust.leaf_untrusted", "the leaf certificate of a member has a Falcon-1024 key");
  }
  const auto chain = crypto::verify_certificate(leaf, std::span(&record.certificate, 1), at);
  if (!chain) {
    if (chain.error().is("crypto.expired")) {
      return fail("trust.leaf_expired", "the leaf certificate has expired");
    }
    if (chain.error().is("crypto.not_yet_valid")) {
      return fail("trust.leaf_not_yet_valid",
                  "the leaf certificate is not valid yet; compare the clocks of both nodes");
    }
    return fail("trust.leaf_untrusted",
                "the leaf certificate was not issued by an anchor of the fleet");
  }
  if (at < record.not_before || at >= record.not_after) {
    return fail("trust.leaf_untrusted",
                "the anchor of the leaf certificate is not valid at this time");
  }
  if (!within(record.constraints, leaf)) {
    return fail("trust.leaf_untrusted",
                "the leaf certificate breaks the constraints of its anchor (names or life)");
  }
  return {};
}

}  // namespace i2::trustchain
