#include <i2/crypto/hash.h>
#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/validation.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <array>
#include <utility>

namespace i2::trustchain::acme {
namespace {

constexpr std::array<std::pair<ChallengeType, std::string_view>, 3> kChallengeNames{{
    {ChallengeType::kHttp01, "http-01"},
    {ChallengeType::kDns01, "dns-01"},
    {ChallengeType::kTlsAlpn01, "tls-alpn-01"},
}};

}  // namespace

std::string_view name_of(ChallengeType type) {
  const auto* const found =
      std::ranges::find(kChallengeNames, type, [](const auto& entry) { return entry.first; });
  return found == kChallengeNames.end() ? std::string_view{} : found->second;
}

std::optional<ChallengeType> challenge_type(std::string_view name) {
  const auto* const found =
      std::ranges::find(kChallengeNames, name, [](const auto& entry) { return entry.second; });
  return found == kChallengeNames.end() ? std::nullopt : std::optional(found->first);
}

Validation make_validation(ChallengeType type, std::string authorization, std::string name,
                           std::string_view token, std::string_view thumbprint) {
  std::string expected = key_authorization(token, thumbprint);
  const Hash256 digest = crypto::sha256(as_bytes(expected));
  Validation out{.authorization = std::move(authorization), .name = std::move(name), .check = {}};
  switch (type) {
    case ChallengeType::kHttp01:
      out.check = HttpCheck{
          .url = "http://" + out.name + "/.well-known/acme-challenge/" + std::string(token),
          .body = std::move(expected)};
      break;
    case ChallengeType::kDns01:
      out.check =
          DnsCheck{.name = "_acme-challenge." + out.name, .value = wire::to_base64url(digest)};
      break;
    case ChallengeType::kTlsAlpn01:
      out.check = TlsAlpnCheck{.name = out.name, .digest = digest};
      break;
  }
  return out;
}

}  // namespace i2::trustchain::acme
