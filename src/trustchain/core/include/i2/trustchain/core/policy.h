// Who may have which certificate: pure rules, and a decision that names the rule that refused.
//
// policy_for() turns a requester into grants; judge() compares a wish with them. Nothing else
// decides: what is not granted is refused.
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/core/profile.h>

#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain {

enum class Requester : std::uint8_t {
  kNode,      // a member, for itself
  kOperator,  // any server of the fleet
  kAccount,   // what was granted to it, for instance by ACME
  kGuest,     // nothing
};

struct Applicant {
  Requester role = Requester::kGuest;
  std::string member_name{};  // of a node
  std::string fleet_name{};
  // Domains whose names an operator or account may have, itself and all below, with wildcards.
  std::vector<std::string> suffixes{};
  // Single names, and networks, that were granted besides.
  std::vector<std::string> names{};
  std::vector<crypto::IpPrefix> addresses{};
};

struct NameGrant {
  std::string name;
  bool below = false;     // also every name below it
  bool wildcard = false;  // also "*." in front of what is granted otherwise
};

struct Policy {
  std::vector<Profile> profiles{};
  std::vector<NameGrant> names{};
  std::vector<crypto::IpPrefix> addresses{};
};

// A node: its own name in the fleet, alone and as a short name, "localhost" and ::1; the profiles
// of members. An operator: all below "<fleet>.i2.internal". An account: its grants.
[[nodiscard]] Policy policy_for(const Applicant& applicant);

struct Wish {
  Profile profile = Profile::kServer;
  crypto::SignatureAlgorithm algorithm = crypto::SignatureAlgorithm::kEcdsaP256;
  std::vector<std::string> dns_names{};
  std::vector<crypto::IpAddress> ip_addresses{};
  std::vector<std::string> other_names{};  // kinds, as of a request
  std::vector<std::string> extensions{};   // OIDs that the request asks for
  UnixMillis life_ms = 0;
};

enum class PolicyRule : std::uint8_t {
  kNone,       // nothing refused
  kProfile,    // the requester's role has no such certificates
  kAlgorithm,  // the key is not of an algorithm of the profile
  kLife,       // longer than the profile's
  kCount,      // no name at all, or too many
  kKind,       // a name that is neither DNS nor IPv6
  kForm,       // not a DNS name in lower case
  kWildcard,   // a wildcard that the profile or the grant does not have
  kName,       // a DNS name that is not granted
  kAddress,    // an address that is not granted
  kTwice,      // a name or address that is there twice
  kExtension,  // the request asks for an extension that no certificate gets
  kIssuer,     // outside what the issuer may certify
};
// As in messages and audit records: "wildcard".
[[nodiscard]] std::string_view name(PolicyRule rule);

struct Decision {
  PolicyRule refused_by = PolicyRule::kNone;
  std::string about{};  // the name, address or algorithm that was refused
  [[nodiscard]] bool allowed() const { return refused_by == PolicyRule::kNone; }
};
// `issuer`: what the certificate's issuer may certify. The first rule that refuses decides.
[[nodiscard]] Decision judge(const Policy& policy, const Wish& wish,
                             const crypto::NameConstraints& issuer);
// Errors: trust.request_algorithm, trust.request_life, trust.request_name, trust.request_extension.
[[nodiscard]] Result<void> to_result(const Decision& decision);

// RFC 5280 §4.2.1.10: a name form without permitted names is free, except where excluded.
[[nodiscard]] bool permits(const crypto::NameConstraints& constraints, std::string_view dns_name);
[[nodiscard]] bool permits(const crypto::NameConstraints& constraints,
                           const crypto::IpAddress& address);

}  // namespace i2::trustchain
