// The P-256 chain that ordinary clients (curl, browsers) see: root, issuing intermediate, leaf.
//
// It gives reach to them, not security to members: those accept Falcon leaves only. The root's key
// is the one that genesis names; each certificate authority has an intermediate of its own, so that
// the root can be offline (docs/wire/trust.md, "Ordinary chain").
#pragma once

#include <i2/crypto/x509.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/leaf.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain {

inline constexpr UnixMillis kOrdinaryRootLifeMs = 10 * 365ULL * 24 * 3600 * 1000;
inline constexpr UnixMillis kOrdinaryIssuerLifeMs = 365ULL * 24 * 3600 * 1000;
struct OrdinaryAuthority {
  crypto::PrivateKey key;
  crypto::Certificate certificate;  // signed by the root, may issue leaves only
  crypto::Certificate root;
};

// A new root certificate for `root_key`, and under it an intermediate with a fresh key.
// `serial` gives 16 random bytes at each call. Errors: crypto.*.
[[nodiscard]] Result<OrdinaryAuthority> make_ordinary_authority(const crypto::PrivateKey& root_key,
                                                                std::string_view fleet_name,
                                                                UnixMillis now, Bytes (*serial)());

// An intermediate for the key of another authority. Error: crypto.certificate_build.
[[nodiscard]] Result<crypto::Certificate> make_ordinary_issuer(const crypto::PrivateKey& root_key,
                                                               const crypto::Certificate& root,
                                                               const crypto::PublicKey& key,
                                                               std::string_view fleet_name,
                                                               UnixMillis now, Bytes serial);

[[nodiscard]] Issuer issuer_of(const OrdinaryAuthority& authority);

struct OrdinaryTerms {
  std::string node_name;  // of the registered member that asks
  std::string fleet_name;
  std::vector<std::string> more_names;          // besides own_dns_names()
  std::vector<crypto::IpAddress> ip_addresses;  // ::1 is always there
  UnixMillis now = 0;
  Bytes serial;  // 16 random bytes
};

// A fresh key and the request for its certificate. Errors: crypto.*.
[[nodiscard]] Result<LeafRequest> make_ordinary_request(std::string_view node_name);

// Whether `leaf` and its chain (the leaf's issuer first, the root last) are a fleet's whose root
// has the key `root`. Errors: trust.leaf_untrusted, trust.leaf_not_yet_valid, trust.leaf_expired.
[[nodiscard]] Result<void> check_ordinary(const crypto::Certificate& leaf,
                                          std::span<const crypto::Certificate> chain,
                                          const crypto::PublicKey& root, UnixMillis now);

}  // namespace i2::trustchain
