// Certificates: checking a leaf against the anchors (RFC 5280 §6 for a path of one step).
#include <i2/crypto/provider.h>
#include <i2/crypto/x509.h>
#include <openssl/err.h>

#include <ctime>

#include "error_queue.h"
#include "native.h"

namespace i2::crypto {
namespace {

using StorePointer = NativePointer<X509_STORE, X509_STORE_free>;
using StoreContextPointer = NativePointer<X509_STORE_CTX, X509_STORE_CTX_free>;

StorePointer make_store(std::span<const Certificate> anchors) {
  StorePointer store(X509_STORE_new());
  if (store == nullptr) {
    return nullptr;
  }
  for (const Certificate& anchor : anchors) {
    if (X509_STORE_add_cert(store.get(), anchor.native()) != 1) {
      return nullptr;
    }
  }
  return store;
}

// The anchor that issued `leaf`, once name, signature and CA rights have been checked; time is not.
Result<Certificate> find_issuer(const Certificate& leaf, std::span<const Certificate> anchors) {
  const StorePointer store = make_store(anchors);
  const StoreContextPointer context(X509_STORE_CTX_new());
  if (store == nullptr || context == nullptr ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.native(), nullptr) != 1) {
    return fail(openssl_error("crypto.untrusted", "the anchors cannot be used"));
  }
  // PARTIAL_CHAIN: an anchor need not be self-signed, its own issuer may be offline.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(context.get()) != 1) {
    const int reason = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    return fail("crypto.untrusted",
                "the certificate is not issued by a trusted anchor: " +
                    std::string(X509_verify_cert_error_string(reason)),
                reason);
  }
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  return Certificate::from_native(sk_X509_value(chain, sk_X509_num(chain) - 1));
}

}  // namespace

Result<void> verify_certificate(const Certificate& leaf, std::span<const Certificate> anchors,
                                UnixMillis now) {
  I2_TRY(install_provider());
  if (!leaf) {
    return fail("crypto.untrusted", "there is no certificate");
  }
  I2_TRY_VALUE(const Certificate issuer, find_issuer(leaf, anchors));
  // RFC 5280 §6.1.3 (a) (2). An anchor out of its time vouches for nobody.
  if (now < issuer.not_before() || now > issuer.not_after() + 999) {
    return fail("crypto.untrusted", "the anchor \"" + issuer.subject_common_name() +
                                        "\" that issued the certificate is not valid now");
  }
  if (X509_check_purpose(leaf.native(), X509_PURPOSE_SSL_SERVER, 0) != 1 &&
      X509_check_purpose(leaf.native(), X509_PURPOSE_SSL_CLIENT, 0) != 1) {
    return fail("crypto.purpose", "the certificate may not be used for TLS");
  }
  if (now < leaf.not_before()) {
    return fail("crypto.not_yet_valid", "the certificate is not valid yet; check the clocks");
  }
  // RFC 5280 §4.1.2.5: the period includes the second notAfter.
  if (now > leaf.not_after() + 999) {
    return fail("crypto.expired", "the certificate has expired");
  }
  return {};
}

Result<void> verify_chain(const Certificate& leaf, std::span<const Certificate> intermediates,
                          const Certificate& root, UnixMillis now) {
  I2_TRY(install_provider());
  const StorePointer store = make_store({&root, 1});
  const StoreContextPointer context(X509_STORE_CTX_new());
  STACK_OF(X509)* const between = sk_X509_new_null();
  const NativePointer<STACK_OF(X509), free_certificate_list> owner(between);
  for (const Certificate& intermediate : intermediates) {
    (void)sk_X509_push(between, intermediate.native());
  }
  if (!leaf || store == nullptr || context == nullptr || between == nullptr ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.native(), between) != 1) {
    return fail(openssl_error("crypto.untrusted", "the certificates cannot be used"));
  }
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(now / 1000));
  if (X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER) == 1 &&
      X509_verify_cert(context.get()) == 1) {
    return {};
  }
  const int reason = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  std::string text = "the certificate chain does not hold: ";
  text += X509_verify_cert_error_string(reason);
  switch (reason) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fail("crypto.expired", std::move(text), reason);
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fail("crypto.not_yet_valid", std::move(text), reason);
    default:
      return fail("crypto.untrusted", std::move(text), reason);
  }
}

bool is_signed_by(const Certificate& certificate, const Certificate& issuer) {
  if (!install_provider() || !certificate || !issuer || !issuer.is_ca() ||
      certificate.issuer() != issuer.subject()) {
    return false;
  }
  const bool holds = X509_verify(certificate.native(), issuer.public_key().native()) == 1;
  ERR_clear_error();
  return holds;
}

}  // namespace i2::crypto
