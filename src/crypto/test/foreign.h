// What other programs make: keys that are only verified here, and requests by them.
#pragma once

#include <gtest/gtest.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>

#include "native.h"
#include "x509_util.h"

namespace i2::crypto {

using ForeignKey = NativePointer<EVP_PKEY, EVP_PKEY_free>;

inline ForeignKey foreign_rsa(std::size_t bits) {
  EXPECT_TRUE(install_provider());
  return ForeignKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}
inline ForeignKey foreign_curve(const char* group) {
  EXPECT_TRUE(install_provider());
  return ForeignKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group));
}

inline Bytes spki_of(EVP_PKEY* key) {
  return to_der<i2d_PUBKEY>(key);
}

// A PKCS #10 request in DER with the extensions of an OpenSSL configuration line, e.g. "DNS:a".
inline Bytes foreign_request(EVP_PKEY* key, const char* alt_names, const EVP_MD* digest,
                             bool challenge_password = false) {
  const RequestPointer request(X509_REQ_new());
  const NamePointer subject = make_name("foreign");
  EXPECT_EQ(X509_REQ_set_subject_name(request.get(), subject.get()), 1);
  EXPECT_EQ(X509_REQ_set_pubkey(request.get(), key), 1);
  if (alt_names != nullptr) {
    const ExtensionsPointer list(sk_X509_EXTENSION_new_null());
    sk_X509_EXTENSION_push(list.get(),
                           X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alt_names));
    sk_X509_EXTENSION_push(list.get(),
                           X509V3_EXT_conf_nid(nullptr, nullptr, NID_tlsfeature, "status_request"));
    EXPECT_EQ(X509_REQ_add_extensions(request.get(), list.get()), 1);
  }
  if (challenge_password) {
    const auto* text = reinterpret_cast<const unsigned char*>("secret");
    EXPECT_EQ(X509_REQ_add1_attr_by_NID(request.get(), NID_pkcs9_challengePassword, MBSTRING_ASC,
                                        text, -1),
              1);
  }
  EXPECT_GT(X509_REQ_sign(request.get(), key, digest), 0);
  return to_der<i2d_X509_REQ>(request.get());
}

}  // namespace i2::crypto
