// OCSP: identifiers of certificates, and requests.
#include <i2/crypto/ocsp.h>
#include <i2/crypto/provider.h>
#include <openssl/err.h>

#include <algorithm>

#include "error_queue.h"
#include "ocsp_util.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

using OcspRequestPointer = NativePointer<OCSP_REQUEST, OCSP_REQUEST_free>;

Error ocsp_malformed(std::string_view what) {
  return openssl_error("crypto.ocsp_malformed", what);
}

// RFC 6960 §4.4: what is critical and not understood may not be ignored.
bool demands_more(OCSP_REQUEST* request) {
  for (int i = 0; i < OCSP_REQUEST_get_ext_count(request); ++i) {
    X509_EXTENSION* extension = OCSP_REQUEST_get_ext(request, i);
    if (X509_EXTENSION_get_critical(extension) == 1 &&
        OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_id_pkix_OCSP_Nonce) {
      return true;
    }
  }
  for (int i = 0; i < OCSP_request_onereq_count(request); ++i) {
    if (OCSP_ONEREQ_get_ext_by_critical(OCSP_request_onereq_get0(request, i), 1, -1) >= 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

OcspIdPointer to_native(const OcspCertificateId& id) {
  const unsigned char* cursor = id.der().data();
  return OcspIdPointer(d2i_OCSP_CERTID(nullptr, &cursor, static_cast<long>(id.der().size())));
}

OctetsPointer make_nonce(ByteView nonce) {
  OctetsPointer out(ASN1_OCTET_STRING_new());
  return out != nullptr &&
                 ASN1_OCTET_STRING_set(out.get(), nonce.data(), static_cast<int>(nonce.size())) == 1
             ? std::move(out)
             : nullptr;
}

std::optional<Bytes> read_nonce(const ASN1_OCTET_STRING* nonce) {
  Bytes out = to_bytes(as_bytes(read_text(nonce)));
  return out.empty() || out.size() > kOcspNonceSizeMax ? std::nullopt
                                                       : std::optional(std::move(out));
}

Result<OcspCertificateId> OcspCertificateId::from_der(ByteView der) {
  OcspCertificateId out;
  out.der_ = to_bytes(der);
  const OcspIdPointer id = to_native(out);
  ASN1_INTEGER* serial = nullptr;
  if (id == nullptr || to_der<i2d_OCSP_CERTID>(id.get()) != out.der_ ||
      OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id.get()) != 1) {
    return fail(ocsp_malformed("the identifier of a certificate cannot be read"));
  }
  out.serial_ = read_serial(serial);
  return out;
}

Result<OcspCertificateId> OcspCertificateId::of(ByteView serial, const Certificate& issuer,
                                                OcspHash hash) {
  const NativePointer<ASN1_INTEGER, ASN1_INTEGER_free> number(ASN1_INTEGER_new());
  if (!issuer || number == nullptr || !set_serial(number.get(), serial)) {
    return fail(ocsp_malformed("the serial is not one of a certificate"));
  }
  const OcspIdPointer id(OCSP_cert_id_new(hash == OcspHash::kSha1 ? EVP_sha1() : EVP_sha256(),
                                          X509_get_subject_name(issuer.native()),
                                          X509_get0_pubkey_bitstr(issuer.native()), number.get()));
  if (id == nullptr) {
    return fail(ocsp_malformed("the identifier of a certificate cannot be made"));
  }
  return from_der(to_der<i2d_OCSP_CERTID>(id.get()));
}

bool OcspCertificateId::is_issued_by(const Certificate& issuer) const {
  const OcspIdPointer id = to_native(*this);
  if (id == nullptr) {
    ERR_clear_error();
    return false;
  }
  return std::ranges::any_of(std::array{OcspHash::kSha1, OcspHash::kSha256}, [&](OcspHash hash) {
    const auto ours = of(serial_, issuer, hash);
    const OcspIdPointer other = ours ? to_native(*ours) : nullptr;
    return other != nullptr && OCSP_id_issuer_cmp(id.get(), other.get()) == 0;
  });
}

Result<Bytes> encode(const OcspRequest& request) {
  I2_TRY(install_provider());
  const OcspRequestPointer out(OCSP_REQUEST_new());
  for (const OcspCertificateId& certificate : request.certificates) {
    OcspIdPointer id = to_native(certificate);
    if (out == nullptr || id == nullptr || OCSP_request_add0_id(out.get(), id.get()) == nullptr) {
      return fail(ocsp_malformed("the request could not be built"));
    }
    (void)id.release();
  }
  if (!request.nonce.empty()) {
    const OctetsPointer nonce = make_nonce(request.nonce);
    if (nonce == nullptr || OCSP_REQUEST_add1_ext_i2d(out.get(), NID_id_pkix_OCSP_Nonce,
                                                      nonce.get(), 0, X509V3_ADD_DEFAULT) != 1) {
      return fail(ocsp_malformed("the request could not be built"));
    }
  }
  return to_der<i2d_OCSP_REQUEST>(out.get());
}

Result<OcspRequest> parse_ocsp_request(ByteView der) {
  I2_TRY(install_provider());
  if (der.empty() || der.size() > kOcspRequestSizeMax) {
    return fail("crypto.ocsp_malformed",
                std::to_string(der.size()) + " bytes are not a request for a status");
  }
  const unsigned char* cursor = der.data();
  const OcspRequestPointer request(
      d2i_OCSP_REQUEST(nullptr, &cursor, static_cast<long>(der.size())));
  if (request == nullptr || cursor != der.data() + der.size()) {
    return fail(ocsp_malformed("the request is not exactly one DER value"));
  }
  if (demands_more(request.get())) {
    return fail("crypto.ocsp_malformed", "the request has a critical extension");
  }
  OcspRequest out;
  const int count = OCSP_request_onereq_count(request.get());
  if (count < 1 || count > static_cast<int>(kOcspCertificatesMax)) {
    return fail(
        "crypto.ocsp_malformed",
        "a request asks about 1 to " + std::to_string(kOcspCertificatesMax) + " certificates");
  }
  for (int i = 0; i < count; ++i) {
    OCSP_CERTID* id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i));
    I2_TRY_VALUE(auto certificate, OcspCertificateId::from_der(to_der<i2d_OCSP_CERTID>(id)));
    out.certificates.push_back(std::move(certificate));
  }
  int found = 0;
  const OctetsPointer nonce(static_cast<ASN1_OCTET_STRING*>(
      OCSP_REQUEST_get1_ext_d2i(request.get(), NID_id_pkix_OCSP_Nonce, &found, nullptr)));
  constexpr int kAbsent = -1;
  if (found != kAbsent) {
    auto value = nonce != nullptr ? read_nonce(nonce.get()) : std::nullopt;
    if (!value) {
      return fail(ocsp_malformed("a nonce has 1 to 128 bytes and is there once"));
    }
    out.nonce = *std::move(value);
  }
  return out;
}

}  // namespace i2::crypto
