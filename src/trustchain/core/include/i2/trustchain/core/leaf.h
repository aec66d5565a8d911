// The leaf profile: what a node's TLS certificate contains, and the pure act of issuing one.
//
// Falcon-1024 key, CN = the node's name, one DNS name <name>.<fleet>.i2.internal, 24 h. The
// certificate stays small because leaf and key exchange share the server's first flight
// (docs/wire/trust.md, "Leaf").
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/core/anchor.h>
#include <i2/trustchain/core/profile.h>

#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain {

inline constexpr std::size_t kNameSizeMax = 63;
inline constexpr crypto::IpAddress kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// A fleet or node name: 1..63 of [a-z0-9-], no hyphen at either end (it becomes a DNS label, RFC
// 1123 §2.1).
[[nodiscard]] bool is_name(std::string_view text);
// "<fleet>.i2.internal".
[[nodiscard]] std::string fleet_dns_suffix(std::string_view fleet);
// "<name>.<fleet>.i2.internal".
[[nodiscard]] std::string leaf_dns_name(std::string_view name, std::string_view fleet);
// Names under which every node is reached on its own machine and in its fleet:
// "<name>.<fleet>.i2.internal", "<name>", "localhost".
[[nodiscard]] std::vector<std::string> own_dns_names(std::string_view name, std::string_view fleet);

struct LeafTerms {
  std::string node_name;  // of the registered member that asks
  std::string fleet_name;
  UnixMillis now = 0;
  Bytes serial;  // 16 random bytes
  // A newcomer does not know the name it will get: the one in its request is a wish.
  bool name_is_wish = false;
  // As in Application.
  std::optional<std::uint64_t> state_height{};
};

// The certificate for `request` under `anchor`, whose key is `anchor_key`. Valid from five minutes
// before `now` for 24 h or until the anchor record ends. Checks the proof of possession, the
// algorithm, and that the request names the member. Errors: trust.request_name, those of issue().
[[nodiscard]] Result<crypto::Certificate> issue_leaf(const crypto::CertificateRequest& request,
                                                     const AnchorRecord& anchor,
                                                     const crypto::PrivateKey& anchor_key,
                                                     const LeafTerms& terms);

// A fresh leaf key (native doubles) and the request for its certificate.
struct LeafRequest {
  crypto::PrivateKey key;
  crypto::CertificateRequest request;
};
// Errors: crypto.*.
[[nodiscard]] Result<LeafRequest> make_leaf_request(std::string_view node_name,
                                                    std::string_view fleet_name);

// When to renew: two thirds into the life of `leaf`.
[[nodiscard]] UnixMillis renewal_time(const crypto::Certificate& leaf);

// Whether that time has passed; also while the life has not begun, because the clock was ahead.
// `spread` is random: it moves the time by up to a 24th of the life, so that certificates that were
// made together are not renewed together.
[[nodiscard]] bool is_renewal_due(const crypto::Certificate& leaf, UnixMillis now,
                                  std::uint64_t spread = 0);

}  // namespace i2::trustchain
