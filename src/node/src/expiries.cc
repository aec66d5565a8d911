#include "expiries.h"

#include <algorithm>

namespace i2::node {
namespace {

Expiry ends_of(std::string_view name, const crypto::Certificate& certificate) {
  return {.certificate = name,
          .not_before = certificate.not_before(),
          .not_after = certificate.not_after()};
}

}  // namespace

std::vector<Expiry> expiries(const fleet::TrustStore& trust,
                             const fleet::OrdinaryCertificates& ordinary) {
  std::vector<Expiry> out{ends_of("leaf", trust.current()->certificate)};
  if (const auto shown = ordinary.current(); shown != nullptr) {
    out.push_back(ends_of("ordinary_leaf", shown->certificate));
  }
  if (const auto authority = ordinary.authority()) {
    out.push_back(ends_of("intermediate", authority->certificate));
  }
  if (const auto next = trust.next_anchor()) {
    out.push_back(
        {.certificate = "anchor", .not_before = next->not_before, .not_after = next->not_after});
  } else if (const auto anchor = trust.issuer()) {
    out.push_back({.certificate = "anchor",
                   .not_before = anchor->not_before,
                   .not_after = anchor->not_after});
  }
  if (const auto root = ordinary.root()) {
    out.push_back(ends_of("root", root));
  }
  std::ranges::stable_sort(out, {}, &Expiry::not_after);
  return out;
}

bool is_ending(const Expiry& expiry, UnixMillis now) {
  const UnixMillis life = expiry.not_after - std::min(expiry.not_before, expiry.not_after);
  constexpr UnixMillis kSpreadParts = 24;
  return now + life / 3 > expiry.not_after + life / kSpreadParts;
}

}  // namespace i2::node
