// Owners of OpenSSL's objects.
#pragma once

#include <i2/crypto/algorithms.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace i2::crypto {

template <auto kFree>
struct NativeDelete {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

template <class T, auto kFree>
using NativePointer = std::unique_ptr<T, NativeDelete<kFree>>;

inline void free_openssl(void* block) {
  OPENSSL_free(block);
}
inline void free_extensions(STACK_OF(X509_EXTENSION) * list) {
  sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

// The list alone; the certificates stay their owners'.
inline void free_certificate_list(STACK_OF(X509) * list) {
  sk_X509_free(list);
}

using BioPointer = NativePointer<BIO, BIO_free_all>;
using BignumPointer = NativePointer<BIGNUM, BN_clear_free>;
using KeyContextPointer = NativePointer<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContextPointer = NativePointer<EVP_MD_CTX, EVP_MD_CTX_free>;
using CertificatePointer = NativePointer<X509, X509_free>;
using RequestPointer = NativePointer<X509_REQ, X509_REQ_free>;
using ObjectPointer = NativePointer<ASN1_OBJECT, ASN1_OBJECT_free>;
using NamePointer = NativePointer<X509_NAME, X509_NAME_free>;
using NamesPointer = NativePointer<GENERAL_NAMES, GENERAL_NAMES_free>;
using ExtensionsPointer = NativePointer<STACK_OF(X509_EXTENSION), free_extensions>;
using CharsPointer = NativePointer<unsigned char, free_openssl>;

// The digest with which a key signs: none for pure schemes.
[[nodiscard]] const EVP_MD* digest_of(SignatureAlgorithm algorithm);

// DER SubjectPublicKeyInfo (RFC 5280 §4.1).
[[nodiscard]] Bytes spki_of(const EVP_PKEY* key);

// A reference-counted object of OpenSSL's, owned (not up-referenced) from here on.
inline std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}
inline std::shared_ptr<X509> own(X509* certificate) {
  return {certificate, X509_free};
}
inline std::shared_ptr<X509_REQ> own(X509_REQ* request) {
  return {request, X509_REQ_free};
}

}  // namespace i2::crypto
