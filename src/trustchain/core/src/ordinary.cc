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

crypto::IpAddress loopback() {
  crypto::IpAddress out{};
  out.back() = 1;
  return out;
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
                              .server_and_client_auth = false,
                              .serial = serial()},
                             nullptr, root_key));
  I2_TRY_VALUE(
      out.certificate,
      crypto::build_certificate({.subject_key = out.key.public_key(),
                                 .common_name = subject("issuer", fleet_name, out.key.public_key()),
                                 .dns_names = {},
                                 .not_before = from,
                                 .not_after = from + kOrdinaryIssuerLifeMs,
                                 .ca = true,
                                 .path_length = 0,
                                 .server_and_client_auth = false,
                                 .serial = serial()},
                                &out.root, root_key));
  return out;
}

std::vector<std::string> ordinary_dns_names(std::string_view node_name,
                                            std::string_view fleet_name) {
  return {leaf_dns_name(node_name, fleet_name), std::string(node_name), "localhost"};
}

Result<crypto::Certificate> issue_ordinary(const crypto::CertificateRequest& request,
                                           const OrdinaryAuthority& authority,
                                           const OrdinaryTerms& terms) {
  if (request.public_key().algorithm() != crypto::SignatureAlgorithm::kEcdsaP256) {
    return fail("trust.request_algorithm", "a certificate for ordinary clients needs a P-256 key");
  }
  if (!request.verify_possession()) {
    return fail("trust.request_possession",
                "the certificate request is not signed by the key it contains");
  }
  if (request.subject_common_name() != terms.node_name) {
    return fail("trust.request_name",
                "the certificate request does not name the member '" + terms.node_name + "'");
  }
  const crypto::Certificate& issuer = authority.certificate;
  if (terms.now < issuer.not_before() || terms.now >= issuer.not_after()) {
    return fail("trust.anchor_not_valid",
                "the P-256 intermediate is not valid now; check the clock or rotate it");
  }
  auto names = ordinary_dns_names(terms.node_name, terms.fleet_name);
  names.insert(names.end(), terms.more_names.begin(), terms.more_names.end());
  std::vector<crypto::IpAddress> addresses{loopback()};
  std::ranges::copy_if(terms.ip_addresses, std::back_inserter(addresses),
                       [](const crypto::IpAddress& address) { return address != loopback(); });
  if (names.size() > kOrdinaryNamesMax || addresses.size() > kOrdinaryNamesMax) {
    return fail("trust.request_name", "at most " + std::to_string(kOrdinaryNamesMax) +
                                          " names and as many addresses fit a certificate");
  }
  const UnixMillis from = whole_seconds(
      std::max(issuer.not_before(), terms.now - std::min(terms.now, kLeafBackdateMs)));
  return crypto::build_certificate({.subject_key = request.public_key(),
                                    .common_name = terms.node_name,
                                    .dns_names = std::move(names),
                                    .ip_addresses = std::move(addresses),
                                    .not_before = from,
                                    .not_after = std::min(from + kLeafLifeMs, issuer.not_after()),
                                    .ca = false,
                                    .path_length = {},
                                    .server_and_client_auth = true,
                                    .serial = terms.serial},
                                   &issuer, authority.key);
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
