#include <i2/trustchain/core/issuance.h>
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

std::vector<std::string> own_dns_names(std::string_view name, std::string_view fleet) {
  return {leaf_dns_name(name, fleet), std::string(name), "localhost"};
}

Result<Application> application_for(const crypto::CertificateRequest& request,
                                    const LeafTerms& terms) {
  if (!terms.name_is_wish && request.subject_common_name() != terms.node_name) {
    return fail("trust.request_name",
                "the certificate request does not name the member '" + terms.node_name + "'");
  }
  return Application{.profile = Profile::kNode,
                     .applicant = {.role = Requester::kNode,
                                   .member_name = terms.node_name,
                                   .fleet_name = terms.fleet_name},
                     .requester = terms.node_name,
                     .common_name = terms.node_name,
                     .dns_names = {leaf_dns_name(terms.node_name, terms.fleet_name)},
                     .now = terms.now,
                     .serial = terms.serial,
                     .state_height = terms.state_height};
}

Result<crypto::Certificate> issue_leaf(const crypto::CertificateRequest& request,
                                       const AnchorRecord& anchor,
                                       const crypto::PrivateKey& anchor_key,
                                       const LeafTerms& terms) {
  I2_TRY_VALUE(const auto application, application_for(request, terms));
  return issue(request, issuer_of(anchor, anchor_key), application);
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
