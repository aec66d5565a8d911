#include <i2/crypto/hash.h>
#include <i2/gateway/access.h>

#include <algorithm>
#include <array>

namespace i2::gateway {
namespace {

// RFC 7239 and what was used before it.
constexpr std::array<std::string_view, 6> kForwarding{"forwarded",        "x-forwarded-for",
                                                      "x-forwarded-host", "x-forwarded-proto",
                                                      "x-real-ip",        "x-forwarded-server"};

}  // namespace

Access::Access(AccessConfig config) : config_(std::move(config)) {
  config_.hosts.insert({"localhost", "::1"});
}

bool Access::is_own(std::string_view host) const {
  return config_.hosts.contains(host);
}

Result<void> Access::check_names(const Request& request) const {
  for (const std::string_view name : kForwarding) {
    if (request.headers.find(name)) {
      return fail("gateway.forwarded", "the header '" + std::string(name) +
                                           "' is not accepted: clients connect directly");
    }
  }
  I2_TRY_VALUE(const Authority authority, parse_authority(request.authority));
  if (!is_own(authority.host)) {
    return fail("gateway.host_refused", "this node is not '" + authority.host + "'");
  }
  const auto origin = request.headers.find("origin");
  if (!origin) {
    return {};
  }
  // RFC 6454 §7: a scheme and an authority, or "null".
  const std::size_t scheme = origin->find("://");
  const auto from = scheme == origin->npos
                        ? Result<Authority>(fail("gateway.origin_refused", "no origin"))
                        : parse_authority(origin->substr(scheme + 3));
  if (!from || from->host != authority.host || from->port != authority.port ||
      origin->substr(0, scheme) != request.scheme) {
    return fail("gateway.origin_refused", "requests of other sites' pages are not served");
  }
  return {};
}

Result<Caller> Access::identify(const Request& request) const {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto given = request.headers.find("authorization")) {
    std::string scheme(given->substr(0, kBearer.size()));
    std::ranges::transform(scheme, scheme.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    });
    const std::string_view text = given->substr(std::min(kBearer.size(), given->size()));
    // By its hash, so that the time it takes tells nothing of the token.
    auto token = scheme == kBearer && config_.find_token
                     ? config_.find_token(crypto::sha256(as_bytes(text)))
                     : std::nullopt;
    if (!token) {
      return fail("gateway.token_invalid",
                  "the token in 'Authorization: Bearer' is not this node's");
    }
    return Caller{.role = token->role, .token = std::move(token->name)};
  }
  Caller out;
  out.member = request.client.certificate && config_.is_member && config_.is_member(request.client);
  if (request.client.address.is_loopback()) {
    out.role = config_.open_loopback && request.client.encrypted ? Role::kWriter : Role::kReader;
  } else if (out.member) {
    out.role = Role::kReader;
  }
  return out;
}

Result<void> Access::require(Role wanted, Role held) {
  if (held >= wanted) {
    return {};
  }
  if (held == Role::kAnyone || wanted == Role::kWriter) {
    return fail("gateway.credentials_missing",
                "this needs 'Authorization: Bearer TOKEN' with the token of this node");
  }
  return fail("gateway.role_insufficient", "this needs the role " + std::string(name_of(wanted)));
}

}  // namespace i2::gateway
