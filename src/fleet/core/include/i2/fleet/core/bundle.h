// The bundle: everything a new node needs to be a member, in one file that an operator makes and
// carries there. It contains the node's secret keys. docs/wire/bundle.md.
#pragma once

#include <i2/crypto/secret.h>
#include <i2/fleet/core/member_set.h>
#include <i2/fleet/core/peer_hint.h>

#include <optional>

namespace i2::fleet {

inline constexpr std::size_t kBundleSizeMax = 16 * 1024 * 1024;

struct Bundle {
  UnixMillis created = 0;
  Genesis genesis;
  std::vector<trustchain::AnchorRecord> anchors;
  std::vector<Member> members;  // the new one included; not the first member, whom genesis admits
  NodeId node_id;               // the new member
  trustchain::HybridKey identity;
  crypto::PrivateKey leaf_key;
  crypto::Certificate leaf;  // may have expired when the bundle is used
  Bytes binding;
  std::vector<PeerHint> peers;
};

// The file, signed by `operator_key`. Errors: fleet.bundle_too_large, crypto.sign.
[[nodiscard]] Result<crypto::SecretBytes> encode_bundle(const Bundle& bundle,
                                                        const trustchain::HybridKey& operator_key);

// The verified contents of `file`: every record is signed by whom it must be signed, keys,
// certificate, binding and member belong together. With `expected`, only a bundle of that fleet is
// accepted. Errors, in the order of the checks:
//   fleet.bundle_malformed  not a bundle, or contents that do not make sense although they are
//   signed fleet.bundle_version    made by a newer program fleet.bundle_truncated  the end is
//   missing fleet.bundle_altered    at least one byte is not as it was written fleet.bundle_foreign
//   of another fleet than expected, or put together from several fleet.bundle_signature  not signed
//   by an operator of the fleet
[[nodiscard]] Result<Bundle> decode_bundle(ByteView file,
                                           const std::optional<ChainId>& expected = std::nullopt);

// The two halves of decode_bundle(), for tests and fuzzing: what is inside the envelope, and the
// parse of that without any signature being checked.
struct BundlePayload {
  Bundle bundle;
  OperatorId signed_by;
  trustchain::HybridSignature signature;
};
// Errors: fleet.bundle_malformed, _version, _truncated, _altered.
[[nodiscard]] Result<std::pair<ChainId, ByteView>> open_envelope(ByteView file);
// Error: fleet.bundle_malformed.
[[nodiscard]] Result<BundlePayload> decode_payload(ByteView payload);
[[nodiscard]] Bytes encode_payload(const BundlePayload& payload);

}  // namespace i2::fleet
