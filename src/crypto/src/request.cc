// Certificate requests (RFC 2986).
#include <i2/base/assert.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>

#include "error_queue.h"
#include "native.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

// The extensionRequest attribute (RFC 2985 §5.4.2) with a subjectAltName.
bool add_dns_names(X509_REQ* request, const std::vector<std::string>& dns_names) {
  if (dns_names.empty()) {
    return true;
  }
  const NamesPointer names = make_alt_names(dns_names, {});
  if (names == nullptr) {
    return false;
  }
  STACK_OF(X509_EXTENSION)* list = nullptr;
  const int added =
      X509V3_add1_i2d(&list, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT);
  const ExtensionsPointer owner(list);
  return added == 1 && X509_REQ_add_extensions(request, list) == 1;
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
  EVP_PKEY* key = X509_REQ_get_pubkey(out.request_.get());
  if (key == nullptr) {
    return fail(openssl_error("crypto.request_malformed", "the request's key cannot be read"));
  }
  auto wrapped = PublicKey::wrap(own(key));
  if (!wrapped) {
    return fail("crypto.request_malformed", wrapped.error().message());
  }
  out.public_key_ = std::move(*wrapped);
  if (!equal(out.der(), der)) {
    return fail("crypto.request_malformed", "the request is not exactly one DER value");
  }
  return out;
}

Result<CertificateRequest> CertificateRequest::create(const PrivateKey& key,
                                                      std::string_view common_name,
                                                      const std::vector<std::string>& dns_names) {
  I2_TRY(install_provider());
  const NamePointer subject = make_name(common_name);
  if (!key || subject == nullptr) {
    return fail(openssl_error("crypto.request_malformed",
                              "a request needs a key and a common name of 1 to 64 characters"));
  }
  const RequestPointer request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), subject.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1) {
    return fail(openssl_error("crypto.request_malformed", "the request could not be built"));
  }
  if (!add_dns_names(request.get(), dns_names)) {
    return fail(openssl_error("crypto.request_malformed", "a DNS name is not well formed"));
  }
  unsigned char* der = nullptr;
  const int size = X509_REQ_sign(request.get(), key.native(), x509_digest(key.algorithm())) > 0
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
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request_.get(), &der);
  I2_ASSERT(size > 0);
  const CharsPointer owner(der);
  return {der, der + size};
}

std::string CertificateRequest::subject_common_name() const {
  return read_common_name(X509_REQ_get_subject_name(request_.get()));
}

std::vector<std::string> CertificateRequest::dns_names() const {
  const ExtensionsPointer list(X509_REQ_get_extensions(request_.get()));
  const NamesPointer names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(list.get(), NID_subject_alt_name, nullptr, nullptr)));
  return read_dns_names(names.get());
}

bool CertificateRequest::verify_possession() const {
  if (request_ == nullptr) {
    return false;
  }
  const bool good = X509_REQ_verify(request_.get(), public_key_.native()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace i2::crypto
