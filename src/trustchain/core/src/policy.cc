#include <i2/trustchain/core/leaf.h>
#include <i2/trustchain/core/policy.h>

#include <algorithm>
#include <array>

namespace i2::trustchain {
namespace {

// What programs put into requests; the certificate's own come from its profile (RFC 5280 §4.2.1).
constexpr std::array<std::string_view, 5> kIgnoredExtensions = {
    "2.5.29.14",  // subjectKeyIdentifier
    "2.5.29.15",  // keyUsage
    "2.5.29.17",  // subjectAltName
    "2.5.29.19",  // basicConstraints
    "2.5.29.37",  // extKeyUsage
};

template <class T>
const T* repeated(const std::vector<T>& values) {
  for (auto it = values.begin(); it != values.end(); ++it) {
    if (std::find(values.begin(), it, *it) != it) {
      return &*it;
    }
  }
  return nullptr;
}

PolicyRule judge_dns_name(const Policy& policy, const ProfileInfo& profile, std::string_view name) {
  if (!is_dns_name(name)) {
    return PolicyRule::kForm;
  }
  const bool wildcard = is_wildcard(name);
  if (wildcard && !profile.wildcards) {
    return PolicyRule::kWildcard;
  }
  const std::string_view plain = name.substr(wildcard ? 2 : 0);
  PolicyRule out = PolicyRule::kName;
  for (const NameGrant& grant : policy.names) {
    if (plain == grant.name || (grant.below && is_below(plain, grant.name))) {
      if (!wildcard || grant.wildcard) {
        return PolicyRule::kNone;
      }
      out = PolicyRule::kWildcard;
    }
  }
  return out;
}

Decision judge_names(const Policy& policy, const Wish& wish, const ProfileInfo& profile) {
  if (wish.dns_names.size() + wish.ip_addresses.size() == 0 ||
      wish.dns_names.size() > profile.names_max ||
      wish.ip_addresses.size() > profile.addresses_max) {
    return {.refused_by = PolicyRule::kCount,
            .about = std::to_string(wish.dns_names.size()) + " names and " +
                     std::to_string(wish.ip_addresses.size()) + " addresses"};
  }
  if (!wish.other_names.empty()) {
    return {.refused_by = PolicyRule::kKind, .about = wish.other_names.front()};
  }
  for (const std::string& dns_name : wish.dns_names) {
    if (const PolicyRule rule = judge_dns_name(policy, profile, dns_name);
        rule != PolicyRule::kNone) {
      return {.refused_by = rule, .about = dns_name};
    }
  }
  for (const crypto::IpAddress& address : wish.ip_addresses) {
    if (std::ranges::none_of(policy.addresses, [&address](const crypto::IpPrefix& granted) {
          return crypto::contains(granted, address);
        })) {
      return {.refused_by = PolicyRule::kAddress, .about = to_hex(address)};
    }
  }
  if (const std::string* twice = repeated(wish.dns_names)) {
    return {.refused_by = PolicyRule::kTwice, .about = *twice};
  }
  if (const crypto::IpAddress* twice = repeated(wish.ip_addresses)) {
    return {.refused_by = PolicyRule::kTwice, .about = to_hex(*twice)};
  }
  return {};
}

Decision judge_issuer(const Wish& wish, const crypto::NameConstraints& issuer) {
  for (const std::string& dns_name : wish.dns_names) {
    if (!permits(issuer, dns_name)) {
      return {.refused_by = PolicyRule::kIssuer, .about = dns_name};
    }
  }
  for (const crypto::IpAddress& address : wish.ip_addresses) {
    if (!permits(issuer, address)) {
      return {.refused_by = PolicyRule::kIssuer, .about = to_hex(address)};
    }
  }
  return {};
}

}  // namespace

Policy policy_for(const Applicant& applicant) {
  Policy out;
  const auto grant_domain = [&out](std::string domain) {
    out.names.push_back({.name = std::move(domain), .below = true, .wildcard = true});
  };
  switch (applicant.role) {
    case Requester::kNode:
      out.profiles = {Profile::kNode, Profile::kOrdinary};
      for (std::string& own : own_dns_names(applicant.member_name, applicant.fleet_name)) {
        out.names.push_back({.name = std::move(own)});
      }
      out.addresses.push_back({.address = kLoopback});
      break;
    case Requester::kOperator:
      out.profiles = {Profile::kServer};
      grant_domain(fleet_dns_suffix(applicant.fleet_name));
      std::ranges::for_each(applicant.suffixes, grant_domain);
      break;
    case Requester::kAccount:
      out.profiles = {Profile::kServer};
      std::ranges::for_each(applicant.suffixes, grant_domain);
      break;
    case Requester::kGuest:
      return out;
  }
  for (const std::string& granted : applicant.names) {
    out.names.push_back({.name = granted});
  }
  out.addresses.insert(out.addresses.end(), applicant.addresses.begin(), applicant.addresses.end());
  return out;
}

std::string_view name(PolicyRule rule) {
  switch (rule) {
    case PolicyRule::kNone:
      return "none";
    case PolicyRule::kProfile:
      return "profile";
    case PolicyRule::kAlgorithm:
      return "algorithm";
    case PolicyRule::kLife:
      return "life";
    case PolicyRule::kCount:
      return "count";
    case PolicyRule::kKind:
      return "kind";
    case PolicyRule::kForm:
      return "form";
    case PolicyRule::kWildcard:
      return "wildcard";
    case PolicyRule::kName:
      return "name";
    case PolicyRule::kAddress:
      return "address";
    case PolicyRule::kTwice:
      return "twice";
    case PolicyRule::kExtension:
      return "extension";
    case PolicyRule::kIssuer:
      return "issuer";
  }
  return "none";
}

Decision judge(const Policy& policy, const Wish& wish, const crypto::NameConstraints& issuer) {
  const ProfileInfo& profile = info(wish.profile);
  if (!std::ranges::contains(policy.profiles, wish.profile)) {
    return {.refused_by = PolicyRule::kProfile, .about = std::string(profile.name)};
  }
  if (!std::ranges::contains(profile.algorithms, wish.algorithm)) {
    return {.refused_by = PolicyRule::kAlgorithm,
            .about = std::string(crypto::info(wish.algorithm).name)};
  }
  if (wish.life_ms > profile.life_ms_max) {
    return {.refused_by = PolicyRule::kLife, .about = std::to_string(wish.life_ms) + " ms"};
  }
  for (const std::string& oid : wish.extensions) {
    if (!std::ranges::contains(kIgnoredExtensions, oid)) {
      return {.refused_by = PolicyRule::kExtension, .about = oid};
    }
  }
  if (Decision decision = judge_names(policy, wish, profile); !decision.allowed()) {
    return decision;
  }
  return judge_issuer(wish, issuer);
}

Result<void> to_result(const Decision& decision) {
  std::string text = "the certificate is refused by the rule '" +
                     std::string(name(decision.refused_by)) + "': " + decision.about;
  switch (decision.refused_by) {
    case PolicyRule::kNone:
      return {};
    case PolicyRule::kAlgorithm:
      return fail("trust.request_algorithm", std::move(text));
    case PolicyRule::kLife:
      return fail("trust.request_life", std::move(text));
    case PolicyRule::kExtension:
      return fail("trust.request_extension", std::move(text));
    default:
      return fail("trust.request_name", std::move(text));
  }
}

bool permits(const crypto::NameConstraints& constraints, std::string_view dns_name) {
  // What a wildcard stands for lies below the rest of it; so does an excluded name's parent's.
  const std::string_view plain = dns_name.substr(is_wildcard(dns_name) ? 2 : 0);
  const auto covers = [&](const std::string& domain) {
    return is_at_or_below(plain, domain) || (is_wildcard(dns_name) && is_below(domain, plain));
  };
  const auto holds = [&](const std::string& domain) { return is_at_or_below(plain, domain); };
  return (constraints.permitted_dns.empty() ||
          std::ranges::any_of(constraints.permitted_dns, holds)) &&
         std::ranges::none_of(constraints.excluded_dns, covers);
}

bool permits(const crypto::NameConstraints& constraints, const crypto::IpAddress& address) {
  const auto holds = [&address](const crypto::IpPrefix& prefix) {
    return crypto::contains(prefix, address);
  };
  return (constraints.permitted_ip.empty() ||
          std::ranges::any_of(constraints.permitted_ip, holds)) &&
         std::ranges::none_of(constraints.excluded_ip, holds);
}

}  // namespace i2::trustchain
