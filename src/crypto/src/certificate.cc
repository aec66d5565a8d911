// Certificates: reading.
#include <i2/base/assert.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "error_queue.h"
#include "native.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

UnixMillis to_millis(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return 0;
  }
  const std::time_t seconds = timegm(&parts);
  return seconds < 0 ? 0 : static_cast<UnixMillis>(seconds) * 1000;
}

}  // namespace

Result<Certificate> Certificate::from_native(x509_st* certificate) {
  if (certificate == nullptr || X509_up_ref(certificate) != 1) {
    return fail("crypto.certificate_malformed", "there is no certificate");
  }
  Certificate out;
  out.certificate_ = own(certificate);
  EVP_PKEY* key = X509_get_pubkey(certificate);
  if (key == nullptr) {
    return fail(
        openssl_error("crypto.certificate_malformed", "the certificate's key cannot be read"));
  }
  auto wrapped = PublicKey::wrap(own(key));
  if (!wrapped) {
    return fail("crypto.certificate_malformed", wrapped.error().message());
  }
  out.public_key_ = std::move(*wrapped);
  return out;
}

Result<Certificate> Certificate::from_der(ByteView der) {
  I2_TRY(install_provider());
  if (der.empty() || der.size() > kMaxX509Size) {
    return fail("crypto.certificate_malformed",
                std::to_string(der.size()) + " bytes are not a certificate");
  }
  const unsigned char* cursor = der.data();
  const CertificatePointer parsed(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (parsed == nullptr) {
    return fail(openssl_error("crypto.certificate_malformed", "the certificate cannot be read"));
  }
  I2_TRY_VALUE(Certificate certificate, from_native(parsed.get()));
  // Certificates are named by their hash: other encodings, and bytes after the end, are refused.
  if (!equal(certificate.der(), der)) {
    return fail("crypto.certificate_malformed", "the certificate is not exactly one DER value");
  }
  return certificate;
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  I2_TRY(install_provider());
  constexpr std::size_t kMaxPemSize = 2 * kMaxX509Size;
  if (pem.size() > kMaxPemSize) {
    return fail("crypto.certificate_malformed", "the PEM text is too long for a certificate");
  }
  const BioPointer in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  unsigned char* data = nullptr;
  long size = 0;
  if (in == nullptr ||
      PEM_bytes_read_bio(&data, &size, nullptr, PEM_STRING_X509, in.get(), nullptr, nullptr) != 1) {
    return fail(openssl_error("crypto.certificate_malformed", "the text holds no PEM certificate"));
  }
  const CharsPointer owner(data);
  return from_der({data, static_cast<std::size_t>(size)});
}

Bytes Certificate::der() const {
  I2_ASSERT(certificate_ != nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate_.get(), &der);
  I2_ASSERT(size > 0);
  const CharsPointer owner(der);
  return {der, der + size};
}

std::string Certificate::pem() const {
  I2_ASSERT(certificate_ != nullptr);
  const BioPointer out(BIO_new(BIO_s_mem()));
  I2_ASSERT(out != nullptr && PEM_write_bio_X509(out.get(), certificate_.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string Certificate::subject_common_name() const {
  return read_common_name(X509_get_subject_name(certificate_.get()));
}

std::vector<std::string> Certificate::dns_names() const {
  const NamesPointer names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  return read_dns_names(names.get());
}

std::vector<IpAddress> Certificate::ip_addresses() const {
  const NamesPointer names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, nullptr, nullptr)));
  return read_ip_addresses(names.get());
}

Bytes Certificate::serial() const {
  const BignumPointer number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate_.get()), nullptr));
  I2_ASSERT(number != nullptr);
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), out.data());
  return out;
}

UnixMillis Certificate::not_before() const {
  return to_millis(X509_get0_notBefore(certificate_.get()));
}

UnixMillis Certificate::not_after() const {
  return to_millis(X509_get0_notAfter(certificate_.get()));
}

bool Certificate::is_ca() const {
  return X509_check_ca(certificate_.get()) == 1;
}

}  // namespace i2::crypto
