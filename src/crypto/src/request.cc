// Certificate requests (RFC 2986).
#include <i2/base/assert.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <string>

#include "error_queue.h"
#include "native.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

// The extensionRequest attribute (RFC 2985 §5.4.2) with a subjectAltName.
bool add_names(X509_REQ* request, const std::vector<std::string>& dns_names,
               const std::vector<IpAddress>& ip_addresses) {
  if (dns_names.empty() && ip_addresses.empty()) {
    return true;
  }
  const NamesPointer names = make_alt_names(dns_names, ip_addresses);
  if (names == nullptr) {
    return false;
  }
  STACK_OF(X509_EXTENSION)* list = nullptr;
  const int added =
      X509V3_add1_i2d(&list, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT);
  const ExtensionsPointer owner(list);
  return added == 1 && X509_REQ_add_extensions(request, list) == 1;
}

ExtensionsPointer asked_extensions(X509_REQ* request) {
  return ExtensionsPointer(X509_REQ_get_extensions(request));
}

NamesPointer asked_names(X509_REQ* request) {
  const ExtensionsPointer list = asked_extensions(request);
  NamesPointer names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(list.get(), NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  return names;
}

// SHA-2 with a key of the table: the proof is worth what its digest is worth.
bool is_strong_signature(int nid) {
  switch (nid) {
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ED25519:
      return true;
    default:
      return nid == OBJ_txt2nid(std::string(info(SignatureAlgorithm::kFalcon1024).oid).c_str());
  }
}

}  // namespace

Result<CertificateRequest> CertificateRequest::from_der(ByteView der) {
  I2_TRY(install_provider());
  if (der.empty() || der.size() > kMaxX509Size) {
    return fail("crypto.request_malformed",
                std::to_string(der.size()) + " bytes are not a certificate request");
  }
  const unsigned char* cursor = der.data();
  CertificateRequest out;
  out.request_ = own(d2i_X509_REQ(nullptr, &cursor, static_cast<long>(der.size())));
  if (out.request_ == nullptr) {
    return fail(openssl_error("crypto.request_malformed", "the request cannot be read"));
  }
  auto key =
      PublicKey::from_spki(to_der<i2d_X509_PUBKEY>(X509_REQ_get_X509_PUBKEY(out.request_.get())));
  if (!key) {
    return fail("crypto.request_malformed", key.error().message());
  }
  out.public_key_ = std::move(*key);
  if (!equal(out.der(), der)) {
    return fail("crypto.request_malformed", "the request is not exactly one DER value");
  }
  return out;
}

Result<CertificateRequest> CertificateRequest::from_pem(std::string_view pem) {
  I2_TRY_VALUE(const Bytes der, read_pem(pem, PEM_STRING_X509_REQ, "crypto.request_malformed"));
  return from_der(der);
}

Result<CertificateRequest> CertificateRequest::create(const PrivateKey& key,
                                                      std::string_view common_name,
                                                      const std::vector<std::string>& dns_names,
                                                      const std::vector<IpAddress>& ip_addresses) {
  I2_TRY(install_provider());
  const NamePointer subject = make_name(common_name);
  if (!key || subject == nullptr ||
      (common_name.empty() && dns_names.empty() && ip_addresses.empty())) {
    return fail(openssl_error("crypto.request_malformed",
                              "a request needs a key and a common name of 1 to 64 characters"));
  }
  const RequestPointer request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), subject.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1) {
    return fail(openssl_error("crypto.request_malformed", "the request could not be built"));
  }
  if (!add_names(request.get(), dns_names, ip_addresses)) {
    return fail(openssl_error("crypto.request_malformed", "a DNS name is not well formed"));
  }
  unsigned char* der = nullptr;
  const int size = X509_REQ_sign(request.get(), key.native(), digest_of(key.algorithm())) > 0
                       ? i2d_X509_REQ(request.get(), &der)
                       : -1;
  const CharsPointer owner(der);
  if (size <= 0) {
    return fail(openssl_error("crypto.request_malformed", "the request could not be signed"));
  }
  return from_der({der, static_cast<std::size_t>(size)});
}

Bytes CertificateRequest::der() const {
  I2_ASSERT(request_ != nullptr);
  Bytes out = to_der<i2d_X509_REQ>(request_.get());
  I2_ASSERT(!out.empty());
  return out;
}

std::string CertificateRequest::subject_common_name() const {
  return read_common_name(X509_REQ_get_subject_name(request_.get()));
}

std::vector<std::string> CertificateRequest::dns_names() const {
  return read_dns_names(asked_names(request_.get()).get());
}

std::vector<IpAddress> CertificateRequest::ip_addresses() const {
  return read_ip_addresses(asked_names(request_.get()).get());
}

std::vector<std::string> CertificateRequest::other_names() const {
  return read_other_names(asked_names(request_.get()).get());
}

std::vector<std::string> CertificateRequest::extensions() const {
  std::vector<std::string> out;
  const ExtensionsPointer list = asked_extensions(request_.get());
  for (int i = 0; list != nullptr && i < sk_X509_EXTENSION_num(list.get()); ++i) {
    out.push_back(dotted_oid(X509_EXTENSION_get_object(sk_X509_EXTENSION_value(list.get(), i))));
  }
  return out;
}

bool CertificateRequest::has_challenge_password() const {
  return X509_REQ_get_attr_by_NID(request_.get(), NID_pkcs9_challengePassword, -1) >= 0;
}

bool CertificateRequest::verify_possession() const {
  if (request_ == nullptr) {
    return false;
  }
  const bool good = is_strong_signature(X509_REQ_get_signature_nid(request_.get())) &&
                    X509_REQ_verify(request_.get(), public_key_.native()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace i2::crypto
