// When what this node presents and signs with ends.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/fleet/trust_store.h>

#include <string_view>
#include <vector>

namespace i2::node {

struct Expiry {
  std::string_view certificate;  // "leaf", "ordinary_leaf", "intermediate", "anchor", "root"
  UnixMillis not_before = 0;
  UnixMillis not_after = 0;
};

// An anchor that has a successor ends when that does. Those that the node has; the one that ends
// first is the first.
[[nodiscard]] std::vector<Expiry> expiries(const fleet::TrustStore& trust,
                                           const fleet::OrdinaryCertificates& ordinary);

// Less than a third of its life is left, and the time in which renewals are spread
// (trustchain::is_renewal_due) is over too: nobody renews it.
[[nodiscard]] bool is_ending(const Expiry& expiry, UnixMillis now);

}  // namespace i2::node
