#include <i2/crypto/hash.h>
#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/jws.h>
#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

#include "json.h"

namespace i2::trustchain::acme {
namespace {

using nlohmann::json;

constexpr std::string_view kMacAlgorithm = "HS256";

std::unexpected<Error> malformed_jws(std::string what) {
  return fail("acme.malformed", std::move(what));
}

// RFC 8555 §6.2: no `none`, no MAC where a signature is asked for.
Result<void> check_algorithm(const std::string& name, JwsUse use) {
  const bool good = use == JwsUse::kExternalAccount ? name == kMacAlgorithm
                                                    : crypto::jws_algorithm(name).has_value();
  if (!good) {
    return fail("acme.bad_signature_algorithm",
                use == JwsUse::kExternalAccount
                    ? "an external account is bound with HS256"
                    : "requests are signed with RS256, ES256, ES384 or EdDSA");
  }
  return {};
}

// RFC 8555 §6.2: jwk and kid exclude each other, also where only one of them is allowed.
Result<void> read_key(const json& header, JwsUse use, Jws& out) {
  const auto key = header.find("jwk");
  const std::string* const kid = text_member(header, "kid");
  if ((key != header.end()) == header.contains("kid")) {
    return malformed_jws("the protected header needs one of 'jwk' and 'kid'");
  }
  if (key != header.end()) {
    if (!key->is_object() || use == JwsUse::kExternalAccount) {
      return malformed_jws("'jwk' is no object, or not allowed here");
    }
    I2_TRY_VALUE(out.key, parse_jwk(to_text(*key)));
    return {};
  }
  if (kid == nullptr || kid->empty() || use == JwsUse::kKeyChange) {
    return malformed_jws("'kid' is empty, no text, or not allowed here");
  }
  out.kid = *kid;
  return {};
}

Result<void> read_header(std::string_view text, JwsUse use, Jws& out) {
  const auto header = parse_object(text);
  if (!header) {
    return malformed_jws("the protected header is no JSON object, or says something twice");
  }
  // RFC 7515 §4.1.11: extensions that are not understood; none are. RFC 8555 §6.2 names b64.
  if (header->contains("crit") || header->contains("b64")) {
    return malformed_jws("'crit' and 'b64' are not supported in the protected header");
  }
  const std::string* const algorithm = text_member(*header, "alg");
  const std::string* const url = text_member(*header, "url");
  if (algorithm == nullptr || url == nullptr) {
    return malformed_jws("the protected header needs 'alg' and 'url'");
  }
  I2_TRY(check_algorithm(*algorithm, use));
  out.algorithm = *algorithm;
  out.url = *url;
  const std::string* const nonce = text_member(*header, "nonce");
  if (use != JwsUse::kRequest) {
    // RFC 8555 §7.3.4, §7.3.5: the outer JWS has the nonce.
    if (header->contains("nonce")) {
      return malformed_jws("an inner JWS has no nonce");
    }
  } else if (nonce == nullptr) {
    return fail("acme.bad_nonce", "the protected header has no nonce");
  } else {
    out.nonce = *nonce;
  }
  return read_key(*header, use, out);
}

}  // namespace

Result<Jws> parse_jws(std::string_view text, JwsUse use) {
  if (text.size() > kJwsSizeMax) {
    return fail("acme.too_large",
                "a request has at most " + std::to_string(kJwsSizeMax) + " bytes");
  }
  const auto object = parse_object(text);
  if (!object) {
    return malformed_jws("the JWS is no JSON object, or says something twice");
  }
  // RFC 8555 §6.2: neither an unprotected header nor several signatures.
  if (object->contains("header") || object->contains("signatures")) {
    return malformed_jws("the JWS has an unprotected header or several signatures");
  }
  const std::string* const header = text_member(*object, "protected");
  const std::string* const payload = text_member(*object, "payload");
  const std::string* const signature = text_member(*object, "signature");
  if (header == nullptr || payload == nullptr || signature == nullptr) {
    return malformed_jws("the JWS needs 'protected', 'payload' and 'signature'");
  }
  const auto header_bytes = wire::from_base64url(*header);
  auto payload_bytes = wire::from_base64url(*payload);
  auto signature_bytes = wire::from_base64url(*signature);
  if (!header_bytes || !payload_bytes || !signature_bytes) {
    return malformed_jws("the parts of the JWS are base64url without padding");
  }
  Jws out;
  I2_TRY(read_header(as_text(*header_bytes), use, out));
  out.payload = std::move(*payload_bytes);
  out.signature = std::move(*signature_bytes);
  out.signed_text = *header + "." + *payload;
  return out;
}

Result<void> verify_jws(const Jws& jws, const crypto::Jwk& key) {
  if (jws.algorithm != name_of(key.algorithm())) {
    return fail("acme.bad_signature_algorithm", "the key is one for " +
                                                    std::string(name_of(key.algorithm())) +
                                                    ", not for '" + jws.algorithm + "'");
  }
  if (!key.verify(as_bytes(jws.signed_text), jws.signature)) {
    return malformed_jws("the signature of the JWS is wrong");
  }
  return {};
}

Result<void> verify_jws_mac(const Jws& jws, ByteView key) {
  if (!crypto::equal_secret(crypto::hmac_sha256(key, as_bytes(jws.signed_text)), jws.signature)) {
    return fail("acme.unauthorized", "the external account's key did not make this binding");
  }
  return {};
}

}  // namespace i2::trustchain::acme
