// Certificates: reading.
#include <i2/base/assert.h>
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <atomic>

#include "certificate_extensions.h"
#include "error_queue.h"
#include "native.h"
#include "tbs.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

NamesPointer alt_names(const X509* certificate) {
  return NamesPointer(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
}

Bytes to_octets(const ASN1_OCTET_STRING* text) {
  return text != nullptr ? to_bytes(as_bytes(read_text(text))) : Bytes();
}

}  // namespace

Result<Bytes> read_pem(std::string_view pem, const char* label, ErrorCode code) {
  I2_TRY(install_provider());
  constexpr std::size_t kMaxPemSize = 2 * kMaxX509Size;
  if (pem.size() > kMaxPemSize) {
    return fail(code, "the PEM text is too long");
  }
  const BioPointer in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  unsigned char* data = nullptr;
  long size = 0;
  if (in == nullptr ||
      PEM_bytes_read_bio(&data, &size, nullptr, label, in.get(), nullptr, nullptr) != 1) {
    return fail(openssl_error(code, "the text holds no PEM " + std::string(label)));
  }
  const CharsPointer owner(data);
  return Bytes(data, data + size);
}

struct Certificate::Native {
  Native(X509* given, Bytes encoding) : der(std::move(encoding)), parsed(given) {}
  ~Native() { X509_free(parsed.load()); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  // Threads that ask for it at the same time may each make it; the first one's stays.
  [[nodiscard]] X509* get() const {
    X509* known = parsed.load();
    if (known == nullptr) {
      const unsigned char* cursor = der.data();
      CertificatePointer made(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
      I2_ASSERT(made != nullptr);
      if (parsed.compare_exchange_strong(known, made.get())) {
        known = made.release();
      }
    }
    return known;
  }

  const Bytes der;  // OpenSSL would encode it anew
  mutable std::atomic<X509*> parsed;
};

Certificate::Certificate(x509_st* owned, Bytes der, PublicKey key)
    : native_(std::make_shared<const Native>(owned, std::move(der))), public_key_(std::move(key)) {}

x509_st* Certificate::native() const {
  return native_ != nullptr ? native_->get() : nullptr;
}

Result<Certificate> Certificate::from_native(x509_st* certificate) {
  if (certificate == nullptr || X509_up_ref(certificate) != 1) {
    return fail("crypto.certificate_malformed", "there is no certificate");
  }
  CertificatePointer owner(certificate);
  EVP_PKEY* key = X509_get_pubkey(certificate);
  if (key == nullptr) {
    return fail(
        openssl_error("crypto.certificate_malformed", "the certificate's key cannot be read"));
  }
  auto wrapped = PublicKey::wrap(own(key));
  if (!wrapped) {
    return fail("crypto.certificate_malformed", wrapped.error().message());
  }
  Bytes der = to_der<i2d_X509>(certificate);
  if (!read_tbs(der)) {
    return fail("crypto.certificate_malformed", "the certificate is not in DER");
  }
  return Certificate(owner.release(), std::move(der), std::move(*wrapped));
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
  if (!equal(certificate.native_->der, der)) {
    return fail("crypto.certificate_malformed", "the certificate is not exactly one DER value");
  }
  return certificate;
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  I2_TRY_VALUE(const Bytes der, read_pem(pem, PEM_STRING_X509, "crypto.certificate_malformed"));
  return from_der(der);
}

const Bytes& Certificate::der() const {
  I2_ASSERT(native_ != nullptr);
  return native_->der;
}

std::string Certificate::pem() const {
  I2_ASSERT(native_ != nullptr);
  const BioPointer out(BIO_new(BIO_s_mem()));
  I2_ASSERT(out != nullptr && PEM_write_bio_X509(out.get(), native()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string Certificate::subject_common_name() const {
  return read_common_name(X509_get_subject_name(native()));
}

std::vector<std::string> Certificate::dns_names() const {
  return read_dns_names(alt_names(native()).get());
}

std::vector<IpAddress> Certificate::ip_addresses() const {
  return read_ip_addresses(alt_names(native()).get());
}

std::vector<std::string> Certificate::other_names() const {
  return read_other_names(alt_names(native()).get());
}

Bytes Certificate::serial() const {
  return read_serial(X509_get0_serialNumber(native()));
}

UnixMillis Certificate::not_before() const {
  return read_time(X509_get0_notBefore(native()));
}

UnixMillis Certificate::not_after() const {
  return read_time(X509_get0_notAfter(native()));
}

bool Certificate::is_ca() const {
  return X509_check_ca(native()) == 1;
}

Bytes Certificate::subject() const {
  return to_der<i2d_X509_NAME>(X509_get_subject_name(native()));
}

Bytes Certificate::issuer() const {
  return to_der<i2d_X509_NAME>(X509_get_issuer_name(native()));
}

Bytes Certificate::subject_key_id() const {
  return to_octets(X509_get0_subject_key_id(native()));
}

Bytes Certificate::authority_key_id() const {
  return to_octets(X509_get0_authority_key_id(native()));
}

std::optional<std::uint32_t> Certificate::key_usage() const {
  const std::uint32_t bits = X509_get_key_usage(native());
  return bits == UINT32_MAX ? std::nullopt : std::optional(bits);
}

std::vector<std::string> Certificate::extensions() const {
  std::vector<std::string> out;
  for (int i = 0; i < X509_get_ext_count(native()); ++i) {
    out.push_back(dotted_oid(X509_EXTENSION_get_object(X509_get_ext(native(), i))));
  }
  return out;
}

std::optional<Certificate::Extension> Certificate::extension(const std::string& oid) const {
  const ObjectPointer object(OBJ_txt2obj(oid.c_str(), 1));
  const int found = object != nullptr ? X509_get_ext_by_OBJ(native(), object.get(), -1) : -1;
  if (found < 0 || X509_get_ext_by_OBJ(native(), object.get(), found) >= 0) {
    return std::nullopt;
  }
  X509_EXTENSION* const extension = X509_get_ext(native(), found);
  return Extension{.critical = X509_EXTENSION_get_critical(extension) == 1,
                   .value = to_octets(X509_EXTENSION_get_data(extension))};
}

std::optional<std::uint64_t> Certificate::state_height() const {
  const auto found = extension(kStateHeightOid);
  return found && !found->critical ? read_state_height(found->value) : std::nullopt;
}

bool Certificate::is_self_signed() const {
  const bool out = X509_self_signed(native(), 1) == 1;
  ERR_clear_error();
  return out;
}

NameConstraints Certificate::name_constraints() const {
  NameConstraints out = read_name_constraints(native());
  ERR_clear_error();
  return out;
}

CertificateFields Certificate::fields() const {
  CertificateFields out;
  out.subject_key = public_key_;
  out.common_name = subject_common_name();
  out.dns_names = dns_names();
  out.ip_addresses = ip_addresses();
  out.not_before = not_before();
  out.not_after = not_after();
  out.ca = is_ca();
  out.serial = serial();
  out.subject_key_id = X509_get0_subject_key_id(native()) != nullptr;
  out.state_height = state_height();
  read_extensions(native(), out);
  return out;
}

Bytes Certificate::tbs() const {
  return to_bytes(tbs_of(der()));
}

}  // namespace i2::crypto
