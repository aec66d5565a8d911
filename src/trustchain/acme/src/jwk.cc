#include <i2/crypto/hash.h>
#include <i2/trustchain/acme/jwk.h>
#include <i2/wire/text.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "json.h"

namespace i2::trustchain::acme {
namespace {

using crypto::Jwk;
using crypto::JwkMembers;

constexpr std::array<std::pair<const char*, Bytes JwkMembers::*>, 4> kBinaryMembers{{
    {"e", &JwkMembers::e},
    {"n", &JwkMembers::n},
    {"x", &JwkMembers::x},
    {"y", &JwkMembers::y},
}};

// RFC 7518 §6.2.2, §6.3.2, §6.4.1.
constexpr std::array<const char*, 8> kPrivateMembers{"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

}  // namespace

Result<Jwk> parse_jwk(std::string_view json) {
  const auto object = parse_object(json);
  const std::string* const kty = object ? text_member(*object, "kty") : nullptr;
  if (kty == nullptr) {
    return fail("acme.bad_public_key", "the key is no JSON Web Key");
  }
  for (const char* const name : kPrivateMembers) {
    if (object->contains(name)) {
      return fail("acme.bad_public_key",
                  "the private key was sent along; make a new one and send its public part only");
    }
  }
  JwkMembers members{.kty = *kty, .crv = {}, .n = {}, .e = {}, .x = {}, .y = {}};
  if (const std::string* const crv = text_member(*object, "crv"); crv != nullptr) {
    members.crv = *crv;
  }
  for (const auto& [name, member] : kBinaryMembers) {
    if (const std::string* const text = text_member(*object, name); text != nullptr) {
      auto bytes = wire::from_base64url(*text);
      if (!bytes) {
        return fail("acme.bad_public_key",
                    "member '" + std::string(name) + "' of the key is not base64url");
      }
      members.*member = std::move(*bytes);
    }
  }
  auto key = Jwk::from_members(std::move(members));
  if (!key) {
    return fail("acme.bad_public_key", key.error().message());
  }
  return std::move(*key);
}

std::string jwk_text(const Jwk& key) {
  const JwkMembers& members = key.members();
  nlohmann::json out{{"kty", members.kty}};  // sorts its members, as RFC 7638 §3.3 demands
  if (!members.crv.empty()) {
    out["crv"] = members.crv;
  }
  for (const auto& [name, member] : kBinaryMembers) {
    if (!(members.*member).empty()) {
      out[name] = wire::to_base64url(members.*member);
    }
  }
  return to_text(out);
}

std::string thumbprint(const Jwk& key) {
  return wire::to_base64url(crypto::sha256(as_bytes(jwk_text(key))));
}

std::string key_authorization(std::string_view token, std::string_view thumbprint) {
  return std::string(token) + "." + std::string(thumbprint);
}

}  // namespace i2::trustchain::acme
