#include <i2/trustchain/core/leaf.h>

#include <algorithm>

namespace i2::trustchain {

namespace {

UnixMillis life_of(const crypto::Certificate& leaf) {
  return std::max(leaf.not_before(), leaf.not_after()) - leaf.not_before();
}

}  // namespace

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.size() <= kNameSizeMax && std::ranges::all_of(text, allowed) &&
         text.front() != '-' && text.back() != '-';
}

std::string fleet_dns_suffix(std::string_view fleet) {
  return std::string(fleet) + ".i2.internal";
}

std::string leaf_dns_name(std::string_view name, std::string_view fleet) {
  return std::string(name) + "." + fleet_dns_suffix(fleet);
}

Result<crypto::Certificate> issue_leaf(const crypto::CertificateRequest& request,
                                       const AnchorRecord& anchor,
                                       const crypto::PrivateKey& anchor_key,
                                       const LeafTerms& terms) {
  if (request.public_key().algorithm() != crypto::SignatureAlgorithm::kFalcon1024) {
    return fail("trust.request_algorithm", "a node certificate needs a Falcon-1024 key");
  }
  if (!request.verify_possession()) {
    return fail("trust.request_possession",
                "the certificate request is not signed by the key it contains");
  }
  if (!terms.name_is_wish && request.subject_common_name() != terms.node_name) {
    return fail("trust.request_name",
                "the certificate request does not name the member '" + terms.node_name + "'");
  }
  if (terms.now < anchor.not_before || terms.now >= anchor.not_after) {
    return fail("trust.anchor_not_valid",
                "the issuing anchor is not valid now; check the clock or rotate the anchor");
  }
  // A leaf that began before its anchor would be refused while it is backdated; certificates count
  // in seconds and drop the rest, so the rest is rounded up.
  const UnixMillis begin =
      std::max(anchor.not_before, terms.now - std::min(terms.now, kLeafBackdateMs));
  const UnixMillis from = (begin + 999) / 1000 * 1000;
  const UnixMillis life = std::min(kLeafLifeMs, anchor.constraints.leaf_life_ms_max);
  const crypto::CertificateFields fields{
      .subject_key = request.public_key(),
      .common_name = terms.node_name,
      .dns_names = {leaf_dns_name(terms.node_name, terms.fleet_name)},
      .not_before = from,
      .not_after = std::min(from + life, anchor.not_after),
      .ca = false,
      .path_length = {},
      .server_and_client_auth = true,
      .serial = terms.serial};
  return crypto::build_certificate(fields, &anchor.certificate, anchor_key);
}

Result<LeafRequest> make_leaf_request(std::string_view node_name, std::string_view fleet_name) {
  I2_TRY_VALUE(auto key, crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kFalcon1024,
                                                      crypto::FalconArithmetic::kNativeDouble));
  I2_TRY_VALUE(auto request, crypto::CertificateRequest::create(
                                 key, node_name, {leaf_dns_name(node_name, fleet_name)}));
  return LeafRequest{.key = std::move(key), .request = std::move(request)};
}

UnixMillis renewal_time(const crypto::Certificate& leaf) {
  return leaf.not_before() + life_of(leaf) / 3 * 2;
}

bool is_renewal_due(const crypto::Certificate& leaf, UnixMillis now, std::uint64_t spread) {
  const UnixMillis moved_by = spread % (life_of(leaf) / 24 + 1);
  return now < leaf.not_before() || now >= renewal_time(leaf) + moved_by;
}

}  // namespace i2::trustchain
