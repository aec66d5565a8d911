#include <i2/base/assert.h>
#include <i2/crypto/jwk.h>
#include <i2/crypto/provider.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "error_queue.h"
#include "native.h"

namespace i2::crypto {
namespace {

struct JwsScheme {
  JwsAlgorithm algorithm;
  std::string_view name;
  std::string_view kty;
  std::string_view crv;
  std::size_t coordinate_size;  // of EC and OKP; each half of an ECDSA signature is as long
  const EVP_MD* (*digest)();    // none: a pure scheme
};

constexpr std::array<JwsScheme, 4> kJwsSchemes{{
    {JwsAlgorithm::kRs256, "RS256", "RSA", "", 0, EVP_sha256},
    {JwsAlgorithm::kEs256, "ES256", "EC", "P-256", 32, EVP_sha256},
    {JwsAlgorithm::kEs384, "ES384", "EC", "P-384", 48, EVP_sha384},
    {JwsAlgorithm::kEdDsa, "EdDSA", "OKP", "Ed25519", 32, nullptr},
}};

const JwsScheme& scheme_of(JwsAlgorithm algorithm) {
  const auto* const entry = std::ranges::find(kJwsSchemes, algorithm, &JwsScheme::algorithm);
  I2_ASSERT(entry != kJwsSchemes.end());
  return *entry;
}

using ParamBuildPointer = NativePointer<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPointer = NativePointer<OSSL_PARAM, OSSL_PARAM_free>;
using EcdsaPointer = NativePointer<ECDSA_SIG, ECDSA_SIG_free>;

BignumPointer to_bignum(ByteView bytes) {
  return BignumPointer(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

// Null when OpenSSL does not take the values, e.g. a point that is not on the curve.
std::shared_ptr<EVP_PKEY> build_key(const char* type, OSSL_PARAM_BLD* values) {
  const ParamsPointer params(OSSL_PARAM_BLD_to_param(values));
  const KeyContextPointer context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return own(key);
}

std::shared_ptr<EVP_PKEY> build_rsa(const JwkMembers& members) {
  const BignumPointer modulus = to_bignum(members.n);
  const BignumPointer exponent = to_bignum(members.e);
  const ParamBuildPointer values(OSSL_PARAM_BLD_new());
  if (modulus == nullptr || exponent == nullptr || values == nullptr ||
      OSSL_PARAM_BLD_push_BN(values.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(values.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return build_key("RSA", values.get());
}

std::shared_ptr<EVP_PKEY> build_ec(const JwkMembers& members) {
  constexpr std::uint8_t kUncompressed = 4;  // SEC 1 §2.3.3
  Bytes point{kUncompressed};
  append(point, members.x);
  append(point, members.y);
  const ParamBuildPointer values(OSSL_PARAM_BLD_new());
  if (values == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(values.get(), OSSL_PKEY_PARAM_GROUP_NAME, members.crv.c_str(),
                                      0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(values.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return build_key("EC", values.get());
}

// RFC 7518 §6.3.1.1: the fewest octets. Other exponents than 65537 are mistakes or attacks.
Result<void> check_rsa(const JwkMembers& members) {
  constexpr std::size_t kSizeMin = 2048 / 8;
  constexpr std::size_t kSizeMax = 4096 / 8;
  if (members.n.size() < kSizeMin || members.n.size() > kSizeMax || members.n.front() < 0x80 ||
      members.n.size() % 16 != 0) {
    return fail("crypto.key_malformed",
                "an RSA key has 2048 to 4096 bits, in steps of 128, and no leading zeros");
  }
  if (members.n.back() % 2 == 0 || members.e != Bytes{1, 0, 1}) {
    return fail("crypto.key_malformed", "an RSA key has an odd modulus and the exponent 65537");
  }
  return {};
}

// RFC 7518 §6.2.1.2: coordinates are as long as the field.
Result<void> check_curve(const JwkMembers& members, const JwsScheme& scheme) {
  const std::size_t y_size = scheme.kty == "EC" ? scheme.coordinate_size : 0;
  if (members.x.size() != scheme.coordinate_size || members.y.size() != y_size) {
    return fail("crypto.key_malformed", "a coordinate of a " + members.crv + " key has " +
                                            std::to_string(scheme.coordinate_size) + " bytes");
  }
  return {};
}

// The DER form that OpenSSL verifies; empty when `signature` is not r || s.
Bytes ecdsa_der(ByteView signature, std::size_t half) {
  if (signature.size() != 2 * half) {
    return {};
  }
  const EcdsaPointer pair(ECDSA_SIG_new());
  BignumPointer r = to_bignum(signature.first(half));
  BignumPointer s = to_bignum(signature.last(half));
  if (pair == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
    return {};
  }
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  const CharsPointer owner(der);
  return size > 0 ? Bytes(der, der + size) : Bytes{};
}

}  // namespace

std::string_view name_of(JwsAlgorithm algorithm) {
  return scheme_of(algorithm).name;
}

std::optional<JwsAlgorithm> jws_algorithm(std::string_view name) {
  const auto* const entry = std::ranges::find(kJwsSchemes, name, &JwsScheme::name);
  return entry == kJwsSchemes.end() ? std::nullopt : std::optional(entry->algorithm);
}

Result<Jwk> Jwk::from_members(JwkMembers members) {
  I2_TRY(install_provider());
  const auto* const scheme = std::ranges::find_if(kJwsSchemes, [&](const JwsScheme& entry) {
    return entry.kty == members.kty && entry.crv == members.crv;
  });
  if (scheme == kJwsSchemes.end()) {
    return fail("crypto.algorithm_unknown",
                "this kind of key is not used here; use RSA, P-256, P-384 or Ed25519");
  }
  Jwk out;
  out.algorithm_ = scheme->algorithm;
  if (scheme->kty == "RSA") {
    I2_TRY(check_rsa(members));
    out.key_ = build_rsa(members);
  } else {
    I2_TRY(check_curve(members, *scheme));
    out.key_ = scheme->kty == "EC"
                   ? build_ec(members)
                   : own(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr,
                                                        members.x.data(), members.x.size()));
  }
  if (out.key_ == nullptr) {
    return fail(openssl_error("crypto.key_malformed", "the key cannot be used"));
  }
  out.members_ = std::move(members);
  return out;
}

Bytes Jwk::spki() const {
  return spki_of(key_.get());
}

bool Jwk::verify(ByteView message, ByteView signature) const {
  if (key_ == nullptr || signature.empty()) {
    return false;
  }
  const JwsScheme& scheme = scheme_of(algorithm_);
  Bytes der;
  if (scheme.kty == "EC") {
    der = ecdsa_der(signature, scheme.coordinate_size);
    signature = der;
  }
  const DigestContextPointer context(EVP_MD_CTX_new());
  const EVP_MD* digest = scheme.digest == nullptr ? nullptr : scheme.digest();
  const bool good =
      context != nullptr && !signature.empty() &&
      EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace i2::crypto
