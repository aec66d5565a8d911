#include "pkcs8.h"

#include <i2/base/assert.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>

#include "error_queue.h"
#include "falcon/provider_internal.h"
#include "native.h"

// Each algorithm's PrivateKeyInfo as written here has a fixed length, so it is a prefix, the key
// and sometimes a suffix. Writing it directly keeps the key out of OpenSSL's encoder buffers;
// reading accepts other forms through OpenSSL's decoder.
namespace i2::crypto {
namespace {

// RFC 8410 §7: PrivateKeyInfo {0, {1.3.101.112}, OCTET STRING {OCTET STRING {32 bytes}}}.
constexpr std::array<std::uint8_t, 16> kEd25519Prefix = {
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
constexpr std::size_t kEd25519SeedSize = 32;

// RFC 5915 §3 inside RFC 5208 §5: id-ecPublicKey, prime256v1, ECPrivateKey {1, 32 bytes, [1]
// point}.
constexpr std::array<std::uint8_t, 36> kP256Prefix = {
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
constexpr std::array<std::uint8_t, 5> kP256PublicPrefix = {0xa1, 0x44, 0x03, 0x42, 0x00};
constexpr std::size_t kP256ScalarSize = 32;
constexpr std::size_t kP256PointSize = 65;

// RFC 9881 §6: the private key is the seed, [0] IMPLICIT OCTET STRING.
constexpr std::array<std::uint8_t, 22> kMlDsa44Prefix = {
    0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86,
    0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x04, 0x22, 0x80, 0x20};
constexpr std::size_t kMlDsaSeedSize = 32;

bool has_form(ByteView der, ByteView prefix, std::size_t total) {
  return der.size() == total && equal(der.first(prefix.size()), prefix);
}

EVP_PKEY* falcon_from_parts(ByteView private_key, ByteView public_key) {
  const auto octets = [](const char* name, ByteView bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                             bytes.size());
  };
  OSSL_PARAM params[] = {octets(OSSL_PKEY_PARAM_PUB_KEY, public_key),
                         octets(OSSL_PKEY_PARAM_PRIV_KEY, private_key), OSSL_PARAM_construct_end()};
  const KeyContextPointer context(
      EVP_PKEY_CTX_new_from_name(nullptr, falcon::kAlgorithmName, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params) != 1) {
    return nullptr;
  }
  return key;
}

EVP_PKEY* read_any(ByteView der) {
  const unsigned char* cursor = der.data();
  const NativePointer<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> parsed(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, static_cast<long>(der.size())));
  if (parsed == nullptr || cursor != der.data() + der.size()) {
    return nullptr;
  }
  NativePointer<EVP_PKEY, EVP_PKEY_free> key(EVP_PKCS82PKEY(parsed.get()));
  // SEC 1 §3.2.1: 1 <= d < n and Q = dG, which the parser does not look at.
  if (key != nullptr && EVP_PKEY_is_a(key.get(), "EC") == 1) {
    const KeyContextPointer context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (context == nullptr || EVP_PKEY_check(context.get()) != 1) {
      return nullptr;
    }
  }
  // RFC 9881 §6 also has a form without the seed, which could not be written again.
  std::size_t size = 0;
  if (key != nullptr && EVP_PKEY_is_a(key.get(), kMlDsa44Name) == 1 &&
      EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_ML_DSA_SEED, nullptr, 0, &size) !=
          1) {
    return nullptr;
  }
  return key.release();
}

// Consecutive pieces of one buffer of known size.
class Layout {
 public:
  explicit Layout(std::size_t size) : bytes_(size) {}
  MutableByteView next(std::size_t size) {
    const MutableByteView piece = bytes_.mutable_view().subspan(at_, size);
    at_ += size;
    return piece;
  }
  void put(ByteView bytes) { std::ranges::copy(bytes, next(bytes.size()).begin()); }
  [[nodiscard]] SecretBytes take() {
    I2_ASSERT(at_ == bytes_.size());
    return std::move(bytes_);
  }

 private:
  SecretBytes bytes_;
  std::size_t at_ = 0;
};

void get_octets(EVP_PKEY* key, const char* name, MutableByteView out) {
  std::size_t size = 0;
  I2_ASSERT(EVP_PKEY_get_octet_string_param(key, name, out.data(), out.size(), &size) == 1 &&
            size == out.size());
}

SecretBytes write_falcon(EVP_PKEY* key) {
  Layout out(falcon::kPkcs8Size);
  out.put(falcon::kPkcs8Prefix);
  get_octets(key, OSSL_PKEY_PARAM_PRIV_KEY, out.next(falcon::kPrivateKeySize));
  get_octets(key, OSSL_PKEY_PARAM_PUB_KEY, out.next(falcon::kPublicKeySize));
  return out.take();
}

SecretBytes write_ed25519(EVP_PKEY* key) {
  Layout out(kEd25519Prefix.size() + kEd25519SeedSize);
  out.put(kEd25519Prefix);
  get_octets(key, OSSL_PKEY_PARAM_PRIV_KEY, out.next(kEd25519SeedSize));
  return out.take();
}

SecretBytes write_p256(EVP_PKEY* key) {
  Layout out(kP256Prefix.size() + kP256ScalarSize + kP256PublicPrefix.size() + kP256PointSize);
  out.put(kP256Prefix);
  BIGNUM* raw = nullptr;
  I2_ASSERT(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &raw) == 1);
  const BignumPointer scalar(raw);
  I2_ASSERT(BN_bn2binpad(scalar.get(), out.next(kP256ScalarSize).data(),
                         static_cast<int>(kP256ScalarSize)) == static_cast<int>(kP256ScalarSize));
  out.put(kP256PublicPrefix);
  BIGNUM* coordinates[2] = {nullptr, nullptr};
  I2_ASSERT(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &coordinates[0]) == 1 &&
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &coordinates[1]) == 1);
  const BignumPointer x(coordinates[0]);
  const BignumPointer y(coordinates[1]);
  out.next(1)[0] = 0x04;  // SEC 1 §2.3.3: uncompressed
  I2_ASSERT(BN_bn2binpad(x.get(), out.next(32).data(), 32) == 32 &&
            BN_bn2binpad(y.get(), out.next(32).data(), 32) == 32);
  return out.take();
}

SecretBytes write_ml_dsa(EVP_PKEY* key) {
  Layout out(kMlDsa44Prefix.size() + kMlDsaSeedSize);
  out.put(kMlDsa44Prefix);
  get_octets(key, OSSL_PKEY_PARAM_ML_DSA_SEED, out.next(kMlDsaSeedSize));
  return out.take();
}

constexpr std::string_view kPemBegin = "-----BEGIN ";
constexpr std::string_view kPemEnd = "-----END ";
constexpr std::string_view kPemRule = "-----\n";
constexpr std::size_t kPemLineBytes = 48;  // RFC 7468 §2: 64 characters on a line

}  // namespace

evp_pkey_st* read_pkcs8(ByteView der) {
  if (der.empty() || der.size() > kMaxKeySize) {
    return nullptr;
  }
  if (has_form(der, falcon::kPkcs8Prefix, falcon::kPkcs8Size)) {
    const ByteView contents = der.subspan(falcon::kPkcs8Prefix.size());
    return falcon_from_parts(contents.first(falcon::kPrivateKeySize),
                             contents.subspan(falcon::kPrivateKeySize));
  }
  if (has_form(der, kEd25519Prefix, kEd25519Prefix.size() + kEd25519SeedSize)) {
    const ByteView seed = der.subspan(kEd25519Prefix.size());
    return EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.data(), seed.size());
  }
  return read_any(der);
}

SecretBytes write_pkcs8(evp_pkey_st* key, SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kFalcon1024:
      return write_falcon(key);
    case SignatureAlgorithm::kEd25519:
      return write_ed25519(key);
    case SignatureAlgorithm::kEcdsaP256:
      return write_p256(key);
    case SignatureAlgorithm::kMlDsa44:
      return write_ml_dsa(key);
    case SignatureAlgorithm::kEcdsaP384:
    case SignatureAlgorithm::kRsa:
      break;  // no PrivateKey holds one
  }
  return {};
}

Result<SecretBytes> read_private_pem(std::string_view pem) {
  constexpr std::size_t kMaxPemSize = 4 * kMaxKeySize;
  if (pem.size() > kMaxPemSize) {
    return fail("crypto.key_malformed", "the PEM text is too long for a private key");
  }
  const BioPointer in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  unsigned char* data = nullptr;
  long size = 0;
  char* name = nullptr;
  char* header = nullptr;
  if (in == nullptr ||
      PEM_read_bio_ex(in.get(), &name, &header, &data, &size, PEM_FLAG_SECURE) != 1) {
    return fail(openssl_error("crypto.key_malformed", "the text holds no PEM private key"));
  }
  const bool plain = std::string_view(name) == PEM_STRING_PKCS8INF;
  SecretBytes der(plain ? static_cast<std::size_t>(size) : 0);
  std::copy_n(data, der.size(), der.mutable_view().begin());
  OPENSSL_secure_clear_free(data, static_cast<std::size_t>(size));
  OPENSSL_secure_free(name);
  OPENSSL_secure_free(header);
  if (!plain) {
    return fail("crypto.key_malformed",
                "the PEM text is not an unencrypted \"PRIVATE KEY\" (PKCS#8)");
  }
  return der;
}

SecretBytes write_pem(std::string_view label, ByteView der) {
  const std::size_t lines = (der.size() + kPemLineBytes - 1) / kPemLineBytes;
  const std::size_t base64 = (der.size() + 2) / 3 * 4;
  Layout out(kPemBegin.size() + kPemEnd.size() + 2 * (label.size() + kPemRule.size()) + base64 +
             lines);
  const auto rule = [&](std::string_view start) {
    out.put(as_bytes(start));
    out.put(as_bytes(label));
    out.put(as_bytes(kPemRule));
  };
  rule(kPemBegin);
  while (!der.empty()) {
    const ByteView part = der.first(std::min(der.size(), kPemLineBytes));
    const std::size_t length = (part.size() + 2) / 3 * 4;
    const MutableByteView line = out.next(length + 1);
    // EVP_EncodeBlock ends the line with a NUL, where the line feed goes.
    EVP_EncodeBlock(line.data(), part.data(), static_cast<int>(part.size()));
    line[length] = '\n';
    der = der.subspan(part.size());
  }
  rule(kPemEnd);
  return out.take();
}

}  // namespace i2::crypto
