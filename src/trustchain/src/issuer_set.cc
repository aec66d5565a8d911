#include <i2/trustchain/issuer_set.h>

#include <algorithm>
#include <ranges>

namespace i2::trustchain {
namespace {

constexpr std::size_t kIdSize = 8;

bool is_valid(const Signer& signer, UnixMillis now) {
  return now >= signer.issuer.not_before && now < signer.issuer.not_after;
}

}  // namespace

IssuerKind issuer_kind(Profile profile) {
  return profile == Profile::kNode ? IssuerKind::kAnchor : IssuerKind::kOrdinary;
}

Result<void> IssuerSet::add(IssuerKind kind, Issuer issuer,
                            std::vector<crypto::Certificate> chain) {
  Signer made{.kind = kind, .issuer = std::move(issuer), .chain = std::move(chain)};
  made.key_hash = made.issuer.certificate.public_key().spki_sha256();
  made.id = to_hex(ByteView(made.key_hash).first(kIdSize));
  if (kind == IssuerKind::kOrdinary && !url_.empty()) {
    made.issuer.ocsp_urls = {url_ + "/ocsp"};
    made.issuer.issuer_urls = {url_ + "/issuer/" + made.id};
  }
  I2_TRY(store_.add_issuer(made.chain));
  const std::scoped_lock lock(mutex_);
  std::erase_if(signers_, [&](const SignerPtr& one) { return one->key_hash == made.key_hash; });
  signers_.push_back(std::make_shared<const Signer>(std::move(made)));
  return {};
}

SignerPtr IssuerSet::current(IssuerKind kind, UnixMillis now) const {
  const std::scoped_lock lock(mutex_);
  SignerPtr out;
  for (const SignerPtr& one : signers_ | std::views::reverse) {
    if (one->kind == kind && is_valid(*one, now)) {
      return one;
    }
    if (one->kind == kind && out == nullptr) {
      out = one;
    }
  }
  return out;
}

SignerPtr IssuerSet::find(const Hash256& key_hash) const {
  const std::scoped_lock lock(mutex_);
  const auto found =
      std::ranges::find(signers_, key_hash, [](const SignerPtr& one) { return one->key_hash; });
  return found == signers_.end() ? nullptr : *found;
}

SignerPtr IssuerSet::find_id(std::string_view id) const {
  const std::scoped_lock lock(mutex_);
  const auto found =
      std::ranges::find_if(signers_, [id](const SignerPtr& one) { return one->id == id; });
  return found == signers_.end() ? nullptr : *found;
}

std::vector<SignerPtr> IssuerSet::all() const {
  const std::scoped_lock lock(mutex_);
  return signers_;
}

std::string IssuerSet::crl_url(const Signer& signer, std::uint8_t shard) const {
  if (signer.kind != IssuerKind::kOrdinary || url_.empty()) {
    return {};
  }
  return url_ + "/crl/" + signer.id + "/" + std::to_string(shard);
}

}  // namespace i2::trustchain
