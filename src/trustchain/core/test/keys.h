// Keys for tests, made once per process: Falcon keys take 30 ms each.
#pragma once

#include <i2/trustchain/core/hybrid.h>
#include <i2/trustchain/core/leaf.h>

namespace i2::trustchain::testing {

inline constexpr UnixMillis kNow = 1'763'700'000'000;  // 2025-11-21
inline constexpr UnixMillis kHour = 3600ULL * 1000;

inline const HybridKey& alice() {
  static const HybridKey key = HybridKey::generate().value();
  return key;
}
inline const HybridKey& bob() {
  static const HybridKey key = HybridKey::generate().value();
  return key;
}
inline const crypto::PrivateKey& anchor_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kFalcon1024).value();
  return key;
}

inline Bytes serial(std::uint8_t last) {
  Bytes out(16, 0x11);
  out.back() = last;
  return out;
}

// Held by alice, signed by alice as the root, for the chain of thirty-two 7s and the fleet "home".
inline AnchorRecord make_anchor(const crypto::PrivateKey& key = anchor_key()) {
  AnchorRecord out;
  out.chain_id.bytes.fill(7);
  out.holder = node_id(alice().public_key());
  out.not_before = kNow - kLeafBackdateMs;
  out.not_after = kNow + kAnchorLifeMs;
  out.constraints = {.dns_suffix = fleet_dns_suffix("home"), .leaf_life_ms_max = kLeafLifeMs};
  out.certificate = make_anchor_certificate(key, out.not_before, out.not_after, serial(1)).value();
  sign_anchor(out, alice()).value();
  return out;
}

inline LeafTerms terms(std::string name = "alpha") {
  return {.node_name = std::move(name), .fleet_name = "home", .now = kNow, .serial = serial(2)};
}

}  // namespace i2::trustchain::testing
