#include <i2/crypto/hash.h>
#include <i2/fleet/core/bundle.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kPayloadVersion = 1;
constexpr std::uint16_t kFileVersion = 1;
constexpr std::string_view kMagic = "I2BUNDLE";
constexpr std::size_t kHeaderSize = 8 + 2 + 32 + 4;
constexpr std::size_t kBundleChecksumSize = 32;
constexpr std::size_t kPrivateKeySizeMax = 8192;  // PKCS#8; Falcon-1024 has 4122 bytes

wire::CanonicalWriter fields(const Bundle& bundle, const OperatorId& signed_by) {
  wire::CanonicalWriter w(kBundleType, kPayloadVersion);
  w.u64(bundle.created);
  w.bytes(encode(bundle.genesis));
  w.count(bundle.anchors.size());
  for (const trustchain::AnchorRecord& anchor : bundle.anchors) {
    w.bytes(encode(anchor));
  }
  w.count(bundle.members.size());
  for (const Member& member : bundle.members) {
    w.bytes(encode(member));
  }
  w.fixed(bundle.node_id.view());
  w.bytes(bundle.identity.falcon().pkcs8().view());
  w.bytes(bundle.identity.ed25519().pkcs8().view());
  w.bytes(bundle.leaf_key.pkcs8().view());
  w.bytes(bundle.leaf.der());
  w.bytes(bundle.binding);
  write(w, bundle.peers);
  w.fixed(signed_by.view());
  return w;
}

// Reads `bytes` and parses it; the outer reader fails when the parse does.
template <class Parse>
auto read_nested(wire::CanonicalReader& r, std::size_t size_max, Parse parse) ->
    typename decltype(parse(ByteView{}))::value_type {
  const ByteView encoding = r.bytes(size_max);
  if (r.ok()) {
    if (auto value = parse(encoding)) {
      return *std::move(value);
    }
    r.fail();
  }
  return {};
}

crypto::PrivateKey read_private_key(wire::CanonicalReader& r, crypto::FalconArithmetic arithmetic) {
  return read_nested(
      r, kPrivateKeySizeMax, [arithmetic](ByteView der) -> Result<crypto::PrivateKey> {
        I2_TRY_VALUE(auto key, crypto::PrivateKey::from_pkcs8(der, arithmetic));
        if (!equal(key.pkcs8().view(), der)) {
          return fail("crypto.key_malformed", "a private key is not in its canonical encoding");
        }
        return key;
      });
}

crypto::Certificate read_certificate(wire::CanonicalReader& r) {
  return read_nested(r, trustchain::kCertificateSizeMax,
                     [](ByteView der) -> Result<crypto::Certificate> {
                       I2_TRY_VALUE(auto leaf, crypto::Certificate::from_der(der));
                       if (!equal(leaf.der(), der)) {
                         return fail("crypto.certificate_malformed", "not in canonical DER");
                       }
                       return leaf;
                     });
}

trustchain::HybridKey read_identity(wire::CanonicalReader& r) {
  auto falcon = read_private_key(r, crypto::FalconArithmetic::kConstantTime);
  auto ed25519 = read_private_key(r, crypto::FalconArithmetic::kConstantTime);
  if (r.ok()) {
    if (auto pair = trustchain::HybridKey::from_keys(std::move(falcon), std::move(ed25519))) {
      return *std::move(pair);
    }
    r.fail();
  }
  return {};
}

bool same_key(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a && b && equal(a.spki(), b.spki());
}

std::unexpected<Error> malformed_bundle(std::string message) {
  return fail("fleet.bundle_malformed", std::move(message));
}

// The chain id in the file's header needs no signature: it is compared with the genesis, which has
// one.
Result<void> check_signer(const BundlePayload& payload) {
  const Genesis& genesis = payload.bundle.genesis;
  const auto signer = std::ranges::find(genesis.operators, payload.signed_by, operator_id);
  if (signer == genesis.operators.end()) {
    return fail("fleet.bundle_signature", "the bundle is not signed by an operator of its fleet");
  }
  const crypto::SecretBytes message(fields(payload.bundle, payload.signed_by).take());
  if (!signer->verify(kBundleDomain, message.view(), payload.signature)) {
    return fail("fleet.bundle_signature", "the operator's signature on the bundle is not valid");
  }
  return {};
}

// Whether keys, leaf, binding and member record are those of one node.
Result<void> check_contents(const Bundle& bundle, const MemberSet& set) {
  const MemberInfo* member = set.find(bundle.node_id);
  if (member == nullptr || member->identity != bundle.identity.public_key()) {
    return malformed_bundle("the secret keys of the bundle are not those of the member it is for");
  }
  if (!same_key(bundle.leaf.public_key(), bundle.leaf_key.public_key())) {
    return malformed_bundle("the certificate of the bundle does not belong to its key");
  }
  if (bundle.leaf.subject_common_name() != member->name) {
    return malformed_bundle("the certificate of the bundle has another name than its member");
  }
  const UnixMillis then = bundle.leaf.not_before();
  if (!set.check_leaf(bundle.leaf, then)) {
    return malformed_bundle(
        "the certificate of the bundle was not issued by an anchor of the fleet");
  }
  const auto binding = trustchain::decode_binding(bundle.binding);
  if (!binding || !trustchain::verify_binding(*binding, member->node_id, member->identity,
                                              bundle.leaf.public_key(), then)) {
    return malformed_bundle("the binding of the bundle does not belong to its certificate");
  }
  return {};
}

}  // namespace

Bytes encode_payload(const BundlePayload& payload) {
  wire::CanonicalWriter w = fields(payload.bundle, payload.signed_by);
  write(w, payload.signature);
  return std::move(w).take();
}

Result<crypto::SecretBytes> encode_bundle(const Bundle& bundle,
                                          const trustchain::HybridKey& operator_key) {
  const OperatorId by = operator_id(operator_key.public_key());
  wire::CanonicalWriter w = fields(bundle, by);
  wire::CanonicalWriter to_sign = w;
  const crypto::SecretBytes message(std::move(to_sign).take());
  I2_TRY_VALUE(const auto signature, operator_key.sign(kBundleDomain, message.view()));
  write(w, signature);
  const crypto::SecretBytes payload(std::move(w).take());

  const std::size_t size = kHeaderSize + payload.size() + kBundleChecksumSize;
  if (size > kBundleSizeMax) {
    return fail("fleet.bundle_too_large", "the bundle would have " + std::to_string(size) +
                                              " bytes; at most " + std::to_string(kBundleSizeMax) +
                                              " are allowed");
  }
  Bytes file;
  file.reserve(size);  // no reallocation: it would leave a copy of the secrets behind
  wire::Writer out(file);
  out.bytes(as_bytes(kMagic));
  out.u16(kFileVersion);
  out.bytes(chain_id(bundle.genesis).view());
  out.u32(static_cast<std::uint32_t>(payload.size()));
  out.bytes(payload.view());
  out.bytes(crypto::sha256(file));
  return crypto::SecretBytes(std::move(file));
}

Result<std::pair<ChainId, ByteView>> open_envelope(ByteView file) {
  const ByteView magic = as_bytes(kMagic);
  const std::size_t compared = std::min(magic.size(), file.size());
  if (!equal(file.first(compared), magic.first(compared))) {
    return malformed_bundle("this is not a bundle made by 'i2 provision'");
  }
  wire::Reader r(file.subspan(compared));
  const std::uint16_t version = r.u16();
  if (r.ok() && version != kFileVersion) {
    return fail("fleet.bundle_version",
                "the bundle has format version " + std::to_string(version) +
                    ", this program reads version 1; update this program or make the bundle anew");
  }
  const ChainId chain{r.array<32>()};
  const std::size_t payload_size = r.u32();
  const ByteView payload = r.bytes(payload_size);
  const ByteView checksum = r.bytes(kBundleChecksumSize);
  if (!r.ok()) {
    return fail("fleet.bundle_truncated", "the end of the bundle is missing; copy it again");
  }
  if (!r.done() || !equal(checksum, crypto::sha256(file.first(kHeaderSize + payload_size)))) {
    return fail("fleet.bundle_altered",
                "the bundle is not as it was made (its checksum differs); copy it again");
  }
  return std::pair{chain, payload};
}

Result<BundlePayload> decode_payload(ByteView payload) {
  wire::CanonicalReader r(payload, kBundleType, kPayloadVersion);
  BundlePayload out;
  Bundle& bundle = out.bundle;
  bundle.created = r.u64();
  bundle.genesis = read_nested(r, kGenesisSizeMax, decode_genesis);
  const std::size_t anchors = r.count(kAnchorsMax);
  for (std::size_t i = 0; i < anchors && r.ok(); ++i) {
    bundle.anchors.push_back(read_nested(r, kAnchorSizeMax, trustchain::decode_anchor));
  }
  const std::size_t members = r.count(kMembersMax);
  for (std::size_t i = 0; i < members && r.ok(); ++i) {
    bundle.members.push_back(read_nested(r, kMemberSizeMax, decode_member));
  }
  bundle.node_id.bytes = r.fixed<32>();
  bundle.identity = read_identity(r);
  bundle.leaf_key = read_private_key(r, crypto::FalconArithmetic::kNativeDouble);
  bundle.leaf = read_certificate(r);
  bundle.binding = to_bytes(r.bytes(trustchain::kBindingSizeMax));
  bundle.peers = read_hints(r);
  out.signed_by.bytes = r.fixed<32>();
  out.signature = trustchain::read_signature(r);
  if (const auto done = r.finish(); !done) {
    return malformed_bundle("the contents of the bundle are malformed");
  }
  return out;
}

Result<Bundle> decode_bundle(ByteView file, const std::optional<ChainId>& expected) {
  if (file.size() > kBundleSizeMax) {
    return malformed_bundle("a file of this size is not a bundle");
  }
  I2_TRY_VALUE(const auto opened, open_envelope(file));
  const auto& [chain, bytes] = opened;
  I2_TRY_VALUE(auto payload, decode_payload(bytes));
  Bundle& bundle = payload.bundle;
  const ChainId actual = chain_id(bundle.genesis);
  if (actual != chain || (expected && actual != *expected)) {
    return fail("fleet.bundle_foreign", "the bundle belongs to the fleet '" +
                                            bundle.genesis.fleet_name + "' with chain id " +
                                            actual.hex() + ", which is not the expected one");
  }
  I2_TRY(check_signer(payload));
  const auto set = MemberSet::create(bundle.genesis, bundle.anchors, bundle.members);
  if (!set) {
    return fail("fleet.bundle_foreign",
                "the bundle contains records that are not of its fleet: " + set.error().message());
  }
  I2_TRY(check_contents(bundle, *set));
  return std::move(bundle);
}

}  // namespace i2::fleet
