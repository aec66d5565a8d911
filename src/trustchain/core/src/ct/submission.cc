#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/submission.h>

#include <algorithm>

namespace i2::trustchain::ct {
namespace {

using crypto::Certificate;

std::unexpected<Error> not_for_this_log(std::string_view what) {
  return fail("trust.log_entry_invalid", std::string(what));
}

// The chain up to a root, which is added when it was left out.
Result<std::vector<Certificate>> complete(std::span<const Certificate> chain,
                                          std::span<const Certificate> roots,
                                          const IssuerCheck& is_issuer) {
  std::vector<Certificate> out(chain.begin(), chain.end());
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    if (!is_issuer(out[i], out[i + 1])) {
      return not_for_this_log("a certificate of the chain is not issued by the one behind it");
    }
  }
  const Bytes& last = out.back().der();
  if (out.size() > 1 && std::ranges::contains(roots, last, &Certificate::der)) {
    return out;
  }
  const auto root = std::ranges::find_if(
      roots, [&](const Certificate& one) { return is_issuer(out.back(), one); });
  if (root == roots.end()) {
    return not_for_this_log("the chain does not lead to a root that the log accepts");
  }
  out.push_back(*root);
  return out;
}

}  // namespace

Result<ChainSubmission> make_submission(EntryType type, std::span<const Certificate> chain,
                                        std::span<const Certificate> roots,
                                        const IssuerCheck& is_issuer) {
  if (chain.empty() || chain.size() > kLoggedChainMax ||
      !std::ranges::all_of(chain, [](auto& one) { return static_cast<bool>(one); })) {
    return not_for_this_log("a chain has 1 to 16 certificates");
  }
  const Certificate& leaf = chain.front();
  const bool precert = type == EntryType::kPrecert;
  if (leaf.is_precertificate() != precert) {
    return not_for_this_log(precert ? "not a precertificate: it has no poison"
                                    : "a precertificate, which add-pre-chain takes");
  }
  I2_TRY_VALUE(const auto all, complete(chain, roots, is_issuer));
  ChainSubmission out;
  out.submission.type = type;
  if (precert) {
    auto entry = crypto::precertificate_entry(leaf, all[1]);
    if (!entry) {
      return not_for_this_log(entry.error().message());
    }
    out.submission.issuer_key_hash = entry->issuer_key_hash;
    out.submission.certificate = std::move(entry->tbs);
    out.submission.precertificate = leaf.der();
  } else {
    out.submission.certificate = leaf.der();
  }
  for (const Certificate& issuer : std::span(all).subspan(1)) {
    out.issuers.push_back(issuer.der());
    if (out.issuers.back().size() > kLoggedCertificateSizeMax) {
      return not_for_this_log("a certificate of the chain is larger than 64 KiB");
    }
    out.submission.issuers.push_back(crypto::sha256(out.issuers.back()));
  }
  I2_TRY(check(out.submission));
  return out;
}

}  // namespace i2::trustchain::ct
