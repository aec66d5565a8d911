#include <i2/base/assert.h>
#include <i2/trustchain/core/profile.h>

#include <algorithm>
#include <array>

namespace i2::trustchain {
namespace {

using crypto::KeyPurpose;
using crypto::SignatureAlgorithm;

constexpr std::array kFalcon = {SignatureAlgorithm::kFalcon1024};
constexpr std::array kP256 = {SignatureAlgorithm::kEcdsaP256};
constexpr std::array kServerKeys = {SignatureAlgorithm::kEcdsaP256, SignatureAlgorithm::kEcdsaP384,
                                    SignatureAlgorithm::kRsa, SignatureAlgorithm::kEd25519};
constexpr std::array kBothEnds = {KeyPurpose::kServerAuth, KeyPurpose::kClientAuth};
constexpr std::array kServerOnly = {KeyPurpose::kServerAuth};

constexpr std::array<ProfileInfo, 3> kProfiles{{
    {.id = Profile::kNode,
     .name = "node",
     .algorithms = kFalcon,
     .purposes = kBothEnds,
     .life_ms_max = kLeafLifeMs,
     .names_max = 1,
     .addresses_max = 0,
     .wildcards = false,
     .names_member = true,
     // A bare Falcon certificate and the 790 bytes that a server's first flight can spare.
     .size_max = 3330 + 790},
    {.id = Profile::kOrdinary,
     .name = "ordinary",
     .algorithms = kP256,
     .purposes = kBothEnds,
     .life_ms_max = kLeafLifeMs,
     .names_max = 32,
     .addresses_max = 32,
     .wildcards = false,
     .names_member = true,
     .size_max = 12 * 1024},
    {.id = Profile::kServer,
     .name = "server",
     .algorithms = kServerKeys,
     .purposes = kServerOnly,
     .life_ms_max = kLeafLifeMs,
     .names_max = 100,
     .addresses_max = 32,
     .wildcards = true,
     .names_member = false,
     .size_max = 32 * 1024},
}};

bool is_label(std::string_view label) {
  constexpr std::size_t kMaxLabel = 63;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !label.empty() && label.size() <= kMaxLabel && std::ranges::all_of(label, allowed) &&
         label.front() != '-' && label.back() != '-';
}

}  // namespace

const ProfileInfo& info(Profile profile) {
  const auto* const entry = std::ranges::find(kProfiles, profile, &ProfileInfo::id);
  I2_ASSERT(entry != kProfiles.end());
  return *entry;
}

std::optional<Profile> profile(std::uint8_t number) {
  for (const ProfileInfo& entry : kProfiles) {
    if (entry.id == static_cast<Profile>(number)) {
      return entry.id;
    }
  }
  return std::nullopt;
}

bool is_wildcard(std::string_view name) {
  return name.starts_with("*.");
}

bool is_dns_name(std::string_view name) {
  constexpr std::size_t kMaxName = 253;
  if (name.size() > kMaxName) {
    return false;
  }
  if (is_wildcard(name)) {
    name.remove_prefix(2);
    if (name.find('.') == std::string_view::npos) {
      return false;
    }
  }
  std::string_view label;
  for (bool more = true; more;) {
    const std::size_t dot = name.find('.');
    more = dot != std::string_view::npos;
    label = name.substr(0, dot);
    if (!is_label(label)) {
      return false;
    }
    name.remove_prefix(more ? dot + 1 : 0);
  }
  return !std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_below(std::string_view name, std::string_view domain) {
  return name.size() > domain.size() + 1 && name.ends_with(domain) &&
         name[name.size() - domain.size() - 1] == '.';
}

bool is_at_or_below(std::string_view name, std::string_view domain) {
  return name == domain || is_below(name, domain);
}

}  // namespace i2::trustchain
