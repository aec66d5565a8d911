#include <i2/trustchain/core/ordinary.h>
#include <i2/wire/text.h>

#include <algorithm>

namespace i2::trustchain {
namespace {

constexpr std::size_t kFingerprintShown = 10;  // bytes

// The key's fingerprint makes the subject unique: a fleet that is founded again under its old name
// has another root.
std::string subject(std::string_view what, std::string_view fleet_name,
                    const crypto::PublicKey& key) {
  const Hash256 fingerprint = key.spki_sha256();
  std::string out = "i2 " + std::string(fleet_name.substr(0, 24)) + " " + std::string(what) + " ";
  return out + wire::to_base32(ByteView(fingerprint).first(kFingerprintShown));
}

UnixMillis whole_seconds(UnixMillis time) {
  return time / 1000 * 1000;
}

// What callers add may be there already: a certificate has a name once.
template <class T>
void add_new(std::vector<T>& out, const std::vector<T>& more) {
  for (const T& one : more) {
    if (!std::ranges::contains(out, one)) {
      out.push_back(one);
    }
  }
}

bool same_key(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a && b && equal(a.spki(), b.spki());
}

}  // namespace

Result<OrdinaryAuthority> make_ordinary_authority(const crypto::PrivateKey& root_key,
                                                  std::string_view fleet_name, UnixMillis now,
                                                  Bytes (*serial)()) {
  OrdinaryAuthority out;
  const UnixMillis from = whole_seconds(now - std::min(now, kLeafBackdateMs));
  I2_TRY_VALUE(out.key, crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256));
  I2_TRY_VALUE(out.root, crypto::build_certificate(
                             {.subject_key = root_key.public_key(),
                              .common_name = subject("root", fleet_name, root_key.public_key()),
                              .dns_names = {},
                              .not_before = from,
                              .not_after = from + kOrdinaryRootLifeMs,
                              .ca = true,
                              .path_length = 1,
                              .serial = serial()},
                             nullptr, root_key));
  I2_TRY_VALUE(out.certificate, make_ordinary_issuer(root_key, out.root, out.key.public_key(),
                                                     fleet_name, now, serial()));
  return out;
}

Result<crypto::Certificate> make_ordinary_issuer(const crypto::PrivateKey& root_key,
                                                 const crypto::Certificate& root,
                                                 const crypto::PublicKey& key,
                                                 std::string_view fleet_name, UnixMillis now,
                                                 Bytes serial) {
  const UnixMillis from = whole_seconds(now - std::min(now, kLeafBackdateMs));
  return crypto::build_certificate({.subject_key = key,
                                    .common_name = subject("issuer", fleet_name, key),
                                    .dns_names = {},
                                    .not_before = from,
                                    .not_after = from + kOrdinaryIssuerLifeMs,
                                    .ca = true,
                                    .path_length = 0,
                                    .serial = std::move(serial)},
                                   &root, root_key);
}

Issuer issuer_of(const OrdinaryAuthority& authority) {
  return {.certificate = authority.certificate,
          .key = authority.key,
          .not_before = authority.certificate.not_before(),
          .not_after = authority.certificate.not_after()};
}

Result<Application> application_for(const crypto::CertificateRequest& request,
                                    const OrdinaryTerms& terms) {
  if (request.subject_common_name() != terms.node_name) {
    return fail("trust.request_name",
                "the certificate request does not name the member '" + terms.node_name + "'");
  }
  Application application{.profile = Profile::kOrdinary,
                          .applicant = {.role = Requester::kNode,
                                        .member_name = terms.node_name,
                                        .fleet_name = terms.fleet_name,
                                        .names = terms.more_names},
                          .requester = terms.node_name,
                          .common_name = terms.node_name,
                          .dns_names = own_dns_names(terms.node_name, terms.fleet_name),
                          .ip_addresses = {kLoopback},
                          .now = terms.now,
                          .serial = terms.serial};
  add_new(application.dns_names, terms.more_names);
  add_new(application.ip_addresses, terms.ip_addresses);
  for (const crypto::IpAddress& address : terms.ip_addresses) {
    application.applicant.addresses.push_back({.address = address});
  }
  return application;
}

Result<LeafRequest> make_ordinary_request(std::string_view node_name) {
  I2_TRY_VALUE(auto key, crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256));
  I2_TRY_VALUE(auto request, crypto::CertificateRequest::create(key, node_name));
  return LeafRequest{.key = std::move(key), .request = std::move(request)};
}

Result<void> check_ordinary(const crypto::Certificate& leaf,
                            std::span<const crypto::Certificate> chain,
                            const crypto::PublicKey& root, UnixMillis now) {
  if (chain.empty() || !same_key(chain.back().public_key(), root)) {
    return fail("trust.leaf_untrusted", "the certificate's root is not this fleet's");
  }
  const auto held = crypto::verify_chain(leaf, chain.first(chain.size() - 1), chain.back(), now);
  if (held) {
    return {};
  }
  if (held.error().is("crypto.expired")) {
    return fail("trust.leaf_expired", held.error().message());
  }
  if (held.error().is("crypto.not_yet_valid")) {
    return fail("trust.leaf_not_yet_valid", held.error().message());
  }
  return fail("trust.leaf_untrusted", held.error().message());
}

}  // namespace i2::trustchain
