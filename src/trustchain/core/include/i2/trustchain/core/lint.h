// What is wrong with a certificate before it is signed for good.
//
// It finds mistakes of ours, not of requesters: whatever policy and building let through is
// compared with the profile and RFC 5280 once more, by other code.
#pragma once

#include <i2/crypto/x509.h>
#include <i2/trustchain/core/profile.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain {

enum class Form : std::uint8_t {
  kPrecertificate,  // with the poison
  kLogged,          // with SCTs
  kUnlogged,        // with neither
};

struct LintTarget {
  Profile profile = Profile::kNode;
  Form form = Form::kUnlogged;
  // Besides those in the issuer's certificate.
  crypto::NameConstraints constraints{};
  // That was decided for it.
  std::optional<std::uint64_t> state_height{};
  // What it was prepared from; without it, what the certificate says is encoded once more.
  const crypto::CertificateFields* fields = nullptr;
};

struct Finding {
  std::string_view rule;  // "serial", "validity", "issuer", ...
  std::string detail;
  friend bool operator==(const Finding&, const Finding&) = default;
};

// Everything that is wrong, in the order of the rules; empty when nothing is. The signature is not
// looked at: `certificate` may be a prepared one.
[[nodiscard]] std::vector<Finding> lint(const crypto::Certificate& certificate,
                                        const crypto::Certificate& issuer,
                                        const LintTarget& target);

}  // namespace i2::trustchain
