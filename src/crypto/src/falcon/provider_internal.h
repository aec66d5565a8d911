// What the files of the provider "i2falcon" share.
//
// OpenSSL talks to a provider through tables of functions (provider(7)): key management, signature,
// encoders and decoders each have one. An object of each kind is a plain struct here, handed to
// OpenSSL as void*.
#pragma once

#include <i2/base/bytes.h>
#include <i2/crypto/key.h>
#include <i2/crypto/secret.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include <array>
#include <atomic>
#include <memory>

#include "falcon/falcon.h"

namespace i2::crypto::falcon {

inline constexpr char kProviderName[] = "i2falcon";
inline constexpr char kAlgorithmName[] = "falcon1024";
inline constexpr char kAlgorithmOid[] = "1.3.9999.3.14";
// Every name under which OpenSSL may ask for the algorithm.
inline constexpr char kAlgorithmNames[] = "falcon1024:1.3.9999.3.14";
inline constexpr std::uint16_t kTlsCodePoint = 0xFEDA;
// NIST level 5; also what OpenSSL compares with its security level.
inline constexpr int kSecurityBits = 256;

// Key parameter (int, 0 or 1): sign and generate on native doubles. Off unless set.
inline constexpr char kParamNativeDouble[] = "i2-native-double";

// A key; counted, because OpenSSL shares keys between contexts. After it is built only `arithmetic`
// changes, through EVP_PKEY_set_params before the key is used.
struct Key {
  std::atomic<int> references{1};
  bool has_public = false;
  FalconArithmetic arithmetic = FalconArithmetic::kConstantTime;
  std::array<std::uint8_t, kPublicKeySize> public_key{};
  SecretBytes private_key;  // empty: a public key only

  [[nodiscard]] bool has_private() const { return !private_key.empty(); }
  [[nodiscard]] PrivateKeyView private_view() const {
    return private_key.view().first<kPrivateKeySize>();
  }
};

void release(Key* key);
struct KeyRelease {
  void operator()(Key* key) const { release(key); }
};
using KeyPointer = std::unique_ptr<Key, KeyRelease>;  // owns one reference
[[nodiscard]] KeyPointer share(Key* key);

// Functions of libcrypto that a provider must call through its core handle.
struct ProviderContext {
  const OSSL_CORE_HANDLE* core = nullptr;
  OSSL_FUNC_BIO_read_ex_fn* bio_read = nullptr;
  OSSL_FUNC_BIO_write_ex_fn* bio_write = nullptr;
};

// AlgorithmIdentifier {1.3.9999.3.14} without parameters, in DER.
inline constexpr std::array<std::uint8_t, 9> kAlgorithmIdentifier = {0x30, 0x07, 0x06, 0x05, 0x2B,
                                                                     0xCE, 0x0F, 0x03, 0x0E};
// Everything of a SubjectPublicKeyInfo before the 1793 bytes of the key (RFC 5280 §4.1).
inline constexpr std::array<std::uint8_t, 18> kSpkiPrefix = {0x30, 0x82, 0x07, 0x0F, 0x30, 0x07,
                                                             0x06, 0x05, 0x2B, 0xCE, 0x0F, 0x03,
                                                             0x0E, 0x03, 0x82, 0x07, 0x02, 0x00};
inline constexpr std::size_t kSpkiSize = kSpkiPrefix.size() + kPublicKeySize;
// Everything of a PrivateKeyInfo before private key || public key (RFC 5208 §5; the contents are
// those of oqs-provider).
inline constexpr std::array<std::uint8_t, 24> kPkcs8Prefix = {
    0x30, 0x82, 0x10, 0x16, 0x02, 0x01, 0x00, 0x30, 0x07, 0x06, 0x05, 0x2B,
    0xCE, 0x0F, 0x03, 0x0E, 0x04, 0x82, 0x10, 0x06, 0x04, 0x82, 0x10, 0x02};
inline constexpr std::size_t kPkcs8Size = kPkcs8Prefix.size() + kPrivateKeySize + kPublicKeySize;

// Checks the halves (and that they belong together) and makes a key; null when something is wrong.
// An empty `private_key` makes a public key.
[[nodiscard]] KeyPointer make_key(ByteView public_key, ByteView private_key);

[[nodiscard]] const OSSL_ALGORITHM* keymgmt_algorithms();
[[nodiscard]] const OSSL_ALGORITHM* signature_algorithms();
[[nodiscard]] const OSSL_ALGORITHM* encoder_algorithms();
[[nodiscard]] const OSSL_ALGORITHM* decoder_algorithms();

// The export function of the key management, which decoders also offer.
int export_key(void* key, int selection, OSSL_CALLBACK* callback, void* callback_arg);

// An entry of a dispatch table. OpenSSL casts back to the type that goes with `id`.
template <class Function>
OSSL_DISPATCH entry(int id, Function* function) {
  return {id, reinterpret_cast<void (*)(void)>(function)};
}

}  // namespace i2::crypto::falcon

// The entry point of the provider (OSSL_provider_init_fn).
extern "C" int i2_falcon_provider_init(const OSSL_CORE_HANDLE* core, const OSSL_DISPATCH* in,
                                       const OSSL_DISPATCH** out, void** context);
