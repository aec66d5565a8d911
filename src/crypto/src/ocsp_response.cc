// OCSP: responses.
#include <i2/base/assert.h>
#include <i2/crypto/ocsp.h>
#include <i2/crypto/provider.h>
#include <openssl/err.h>

#include <algorithm>
#include <ctime>

#include "error_queue.h"
#include "ocsp_util.h"
#include "x509_util.h"

namespace i2::crypto {
namespace {

using ResponsePointer = NativePointer<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using BasicPointer = NativePointer<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using GeneralizedTimePointer = NativePointer<ASN1_GENERALIZEDTIME, ASN1_GENERALIZEDTIME_free>;

Error response_failure(std::string_view what) {
  return openssl_error("crypto.ocsp_build", what);
}

GeneralizedTimePointer make_time(UnixMillis time) {
  return GeneralizedTimePointer(
      ASN1_GENERALIZEDTIME_set(nullptr, static_cast<std::time_t>(time / 1000)));
}

bool add_answer(OCSP_BASICRESP* out, const OcspAnswer& answer) {
  const OcspIdPointer id = to_native(answer.certificate);
  const GeneralizedTimePointer from = make_time(answer.this_update);
  const GeneralizedTimePointer until = make_time(answer.next_update);
  const GeneralizedTimePointer when = make_time(answer.revocation.revoked_at);
  if (id == nullptr || from == nullptr || until == nullptr || when == nullptr) {
    return false;
  }
  const bool revoked = answer.status == CertificateStatus::kRevoked;
  const int status = revoked                                     ? V_OCSP_CERTSTATUS_REVOKED
                     : answer.status == CertificateStatus::kGood ? V_OCSP_CERTSTATUS_GOOD
                                                                 : V_OCSP_CERTSTATUS_UNKNOWN;
  const int reason = answer.revocation.reason == RevocationReason::kUnspecified
                         ? OCSP_REVOKED_STATUS_NOSTATUS
                         : static_cast<int>(answer.revocation.reason);
  return OCSP_basic_add1_status(out, id.get(), status, reason, revoked ? when.get() : nullptr,
                                from.get(), until.get()) != nullptr;
}

bool add_response_nonce(OCSP_BASICRESP* out, ByteView nonce) {
  if (nonce.empty()) {
    return true;
  }
  const OctetsPointer text = make_nonce(nonce);
  return text != nullptr && OCSP_BASICRESP_add1_ext_i2d(out, NID_id_pkix_OCSP_Nonce, text.get(), 0,
                                                        X509V3_ADD_DEFAULT) == 1;
}

// The time comes from the caller: OCSP_NOTIME keeps OpenSSL from asking the clock.
bool set_produced_at(OCSP_BASICRESP* out, UnixMillis time) {
  auto* const produced = const_cast<ASN1_GENERALIZEDTIME*>(OCSP_resp_get0_produced_at(out));
  return ASN1_GENERALIZEDTIME_set(produced, static_cast<std::time_t>(time / 1000)) != nullptr;
}

OcspAnswer read_answer(OCSP_SINGLERESP* single, OcspCertificateId certificate) {
  OcspAnswer out{.certificate = std::move(certificate)};
  int reason = 0;
  ASN1_GENERALIZEDTIME* when = nullptr;
  ASN1_GENERALIZEDTIME* from = nullptr;
  ASN1_GENERALIZEDTIME* until = nullptr;
  const int status = OCSP_single_get0_status(single, &reason, &when, &from, &until);
  out.this_update = read_time(from);
  out.next_update = read_time(until);
  if (status == V_OCSP_CERTSTATUS_GOOD) {
    out.status = CertificateStatus::kGood;
  } else if (status == V_OCSP_CERTSTATUS_REVOKED) {
    out.status = CertificateStatus::kRevoked;
    out.revocation = {.revoked_at = read_time(when),
                      .reason = revocation_reason(reason).value_or(RevocationReason::kUnspecified)};
  }
  return out;
}

// RFC 6960 §4.2.2.2: the issuer itself, or a certificate from it that is for this purpose.
bool may_answer(X509* signer, const Certificate& issuer, UnixMillis now) {
  if (X509_cmp(signer, issuer.native()) == 0) {
    return true;
  }
  const auto certificate = Certificate::from_native(signer);
  return certificate &&
         std::ranges::contains(certificate->fields().purposes, KeyPurpose::kOcspSigning) &&
         certificate->issuer() == issuer.subject() && now >= certificate->not_before() &&
         now <= certificate->not_after() + 999 &&
         X509_verify(signer, issuer.public_key().native()) == 1;
}

Result<void> verify_signer(OCSP_BASICRESP* basic, const Certificate& issuer, UnixMillis now) {
  const NativePointer<STACK_OF(X509), free_certificate_list> known(sk_X509_new_null());
  X509* signer = nullptr;
  if (known == nullptr || sk_X509_push(known.get(), issuer.native()) <= 0 ||
      OCSP_resp_get0_signer(basic, &signer, known.get()) != 1 || !may_answer(signer, issuer, now)) {
    ERR_clear_error();
    return fail("crypto.untrusted", "the status is not signed by the issuer or its delegate");
  }
  // The signature alone: who may sign has been decided above.
  if (OCSP_basic_verify(basic, known.get(), nullptr, OCSP_NOVERIFY) != 1) {
    ERR_clear_error();
    return fail("crypto.untrusted", "the signature of the status is wrong");
  }
  return {};
}

}  // namespace

Bytes ocsp_error(OcspError error) {
  const ResponsePointer response(OCSP_response_create(static_cast<int>(error), nullptr));
  I2_ASSERT(response != nullptr);
  return to_der<i2d_OCSP_RESPONSE>(response.get());
}

Result<Bytes> build_ocsp_response(const OcspResponse& response, const OcspResponder& responder) {
  I2_TRY(install_provider());
  const BasicPointer basic(OCSP_BASICRESP_new());
  if (basic == nullptr || !responder.certificate || !responder.key) {
    return fail(response_failure("a response needs a responder"));
  }
  if (!std::ranges::all_of(
          response.answers,
          [&basic](const OcspAnswer& answer) { return add_answer(basic.get(), answer); }) ||
      !add_response_nonce(basic.get(), response.nonce) ||
      !set_produced_at(basic.get(), response.produced_at)) {
    return fail(response_failure("an answer is not well formed"));
  }
  // The key's hash names the responder in 22 bytes, whatever its subject.
  const unsigned long flags =
      OCSP_NOTIME | OCSP_RESPID_KEY | (responder.delegated ? 0 : OCSP_NOCERTS);
  if (OCSP_basic_sign(basic.get(), responder.certificate.native(), responder.key.native(),
                      digest_of(responder.key.algorithm()), nullptr, flags) != 1) {
    return fail(response_failure("the response could not be signed"));
  }
  const ResponsePointer out(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  if (out == nullptr) {
    return fail(response_failure("the response could not be built"));
  }
  return to_der<i2d_OCSP_RESPONSE>(out.get());
}

Result<OcspResponse> verify_ocsp_response(ByteView der, const Certificate& issuer, UnixMillis now) {
  I2_TRY(install_provider());
  if (der.empty() || der.size() > kOcspResponseSizeMax) {
    return fail("crypto.ocsp_malformed", std::to_string(der.size()) + " bytes are not a status");
  }
  const unsigned char* cursor = der.data();
  const ResponsePointer response(
      d2i_OCSP_RESPONSE(nullptr, &cursor, static_cast<long>(der.size())));
  if (response == nullptr || cursor != der.data() + der.size()) {
    return fail(openssl_error("crypto.ocsp_malformed", "the status is not exactly one DER value"));
  }
  if (const int refused = OCSP_response_status(response.get());
      refused != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return fail("crypto.ocsp_refused",
                "the responder refuses: " + std::string(OCSP_response_status_str(refused)),
                refused);
  }
  const BasicPointer basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr || !issuer) {
    return fail(openssl_error("crypto.ocsp_malformed", "the status has another type"));
  }
  I2_TRY(verify_signer(basic.get(), issuer, now));
  OcspResponse out{.answers = {},
                   .produced_at = read_time(OCSP_resp_get0_produced_at(basic.get())),
                   .nonce = {}};
  for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic.get(), i);
    I2_TRY_VALUE(auto id, OcspCertificateId::from_der(
                              to_der<i2d_OCSP_CERTID>(OCSP_SINGLERESP_get0_id(single))));
    out.answers.push_back(read_answer(single, std::move(id)));
  }
  const OctetsPointer nonce(static_cast<ASN1_OCTET_STRING*>(
      OCSP_BASICRESP_get1_ext_d2i(basic.get(), NID_id_pkix_OCSP_Nonce, nullptr, nullptr)));
  if (nonce != nullptr) {
    out.nonce = read_nonce(nonce.get()).value_or(Bytes());
  }
  ERR_clear_error();
  return out;
}

}  // namespace i2::crypto
