// Certificates of an authority, without its record and its log.
#pragma once

#include <i2/fleet/ordinary_certificates.h>
#include <i2/fleet/trust_store.h>

#include "serial.h"

namespace i2::fleet::testing {

inline Result<crypto::Certificate> issue(const TrustStore& authority, ByteView request,
                                         const NodeId& requester, UnixMillis now,
                                         bool name_is_wish = false) {
  I2_TRY_VALUE(const auto parsed, crypto::CertificateRequest::from_der(request));
  I2_TRY_VALUE(const auto with, authority.issuer());
  I2_TRY_VALUE(const auto application,
               authority.application_for(parsed, requester, now, name_is_wish));
  return trustchain::issue(parsed, with, application);
}

inline Result<void> renew_own_leaf(TrustStore& authority, UnixMillis now) {
  I2_TRY_VALUE(const auto leaf, authority.make_renewal_request());
  I2_TRY_VALUE(const auto certificate,
               issue(authority, leaf.request.der(), authority.node_id(), now));
  return authority.install_leaf(leaf.key, certificate, now);
}

// PEM: leaf, intermediate, root.
inline Result<std::string> issue(const OrdinaryCertificates& authority, ByteView request,
                                 std::string_view node_name,
                                 const OrdinaryCertificates::Names& names, UnixMillis now) {
  const trustchain::OrdinaryAuthority with = authority.authority().value();
  I2_TRY_VALUE(const auto parsed, crypto::CertificateRequest::from_der(request));
  I2_TRY_VALUE(const auto application,
               trustchain::application_for(
                   parsed, trustchain::OrdinaryTerms{.node_name = std::string(node_name),
                                                     .fleet_name = "home",
                                                     .more_names = names.dns,
                                                     .ip_addresses = names.addresses,
                                                     .now = now,
                                                     .serial = random_serial()}));
  I2_TRY_VALUE(const auto leaf, trustchain::issue(parsed, issuer_of(with), application));
  return leaf.pem() + with.certificate.pem() + with.root.pem();
}

inline Result<void> renew_own(OrdinaryCertificates& authority,
                              const OrdinaryCertificates::Names& names, UnixMillis now) {
  I2_TRY_VALUE(const auto leaf, authority.make_request());
  I2_TRY_VALUE(const auto pem, issue(authority, leaf.request.der(), "alpha", names, now));
  return authority.install(leaf.key, pem, now);
}

}  // namespace i2::fleet::testing
