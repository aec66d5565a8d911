// Signature operation of the provider (provider-signature(7)): one-shot sign and verify of a
// message. There is no digest to choose and no streaming: Falcon hashes a nonce in front of the
// message.
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <new>

#include "falcon/provider_internal.h"

namespace i2::crypto::falcon {
namespace {

struct Signing {
  KeyPointer key;
};

void* signing_new(void*, const char*) {
  return new (std::nothrow) Signing;
}

void signing_free(void* data) {
  delete static_cast<Signing*>(data);
}

void* signing_dup(void* data) {
  const auto& from = *static_cast<const Signing*>(data);
  std::unique_ptr<Signing> copy(new (std::nothrow) Signing);
  if (copy != nullptr && from.key != nullptr) {
    copy->key = share(from.key.get());
  }
  return copy.release();
}

// `digest`: libcrypto passes null or "" for none; a real name is refused, because the caller would
// believe that the signature covers that digest.
int init(void* data, const char* digest, void* key, bool private_half) {
  auto& signing = *static_cast<Signing*>(data);
  if (digest != nullptr && *digest != '\0') {
    return 0;
  }
  if (key != nullptr) {
    signing.key = share(static_cast<Key*>(key));
  }
  return signing.key != nullptr &&
                 (private_half ? signing.key->has_private() : signing.key->has_public)
             ? 1
             : 0;
}

int sign_init(void* data, const char* digest, void* key, const OSSL_PARAM[]) {
  return init(data, digest, key, true);
}

int verify_init(void* data, const char* digest, void* key, const OSSL_PARAM[]) {
  return init(data, digest, key, false);
}

int digest_sign(void* data, unsigned char* signature, std::size_t* length, std::size_t capacity,
                const unsigned char* message, std::size_t message_size) {
  const auto& signing = *static_cast<const Signing*>(data);
  if (signing.key == nullptr || !signing.key->has_private()) {
    return 0;
  }
  if (signature == nullptr) {
    *length = kSignatureSizeMax;
    return 1;
  }
  // The length varies from signature to signature: a buffer that may be too small is refused
  // always, not sometimes.
  if (capacity < kSignatureSizeMax) {
    return 0;
  }
  const std::size_t written =
      sign(signing.key->arithmetic, signing.key->private_view(), {message, message_size},
           std::span<std::uint8_t, kSignatureSizeMax>(signature, kSignatureSizeMax));
  if (written == 0) {
    return 0;
  }
  *length = written;
  return 1;
}

int digest_verify(void* data, const unsigned char* signature, std::size_t length,
                  const unsigned char* message, std::size_t message_size) {
  const auto& signing = *static_cast<const Signing*>(data);
  return signing.key != nullptr && signing.key->has_public &&
                 verify(signing.key->public_key, {message, message_size}, {signature, length})
             ? 1
             : 0;
}

int get_params(void*, OSSL_PARAM params[]) {
  OSSL_PARAM* id = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
  return id == nullptr ? 1
                       : OSSL_PARAM_set_octet_string(id, kAlgorithmIdentifier.data(),
                                                     kAlgorithmIdentifier.size());
}

const OSSL_PARAM* gettable_params(void*, void*) {
  static const OSSL_PARAM kParams[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0), OSSL_PARAM_END};
  return kParams;
}

}  // namespace

const OSSL_ALGORITHM* signature_algorithms() {
  static const OSSL_DISPATCH kFunctions[] = {
      entry(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
      entry(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
      entry(OSSL_FUNC_SIGNATURE_DUPCTX, signing_dup),
      entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_init),
      entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, digest_sign),
      entry(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, verify_init),
      entry(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, digest_verify),
      entry(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_params),
      entry(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, gettable_params),
      OSSL_DISPATCH_END};
  static const OSSL_ALGORITHM kAlgorithms[] = {
      {kAlgorithmNames, "provider=i2falcon", kFunctions, "Falcon-1024 round 3"},
      {nullptr, nullptr, nullptr, nullptr}};
  return kAlgorithms;
}

}  // namespace i2::crypto::falcon
