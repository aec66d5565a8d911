#include "authority_watch.h"

#include <i2/crypto/hash.h>
#include <i2/trustchain/core/fleet_logs.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <system_error>

#include "replication.h"
#include "secret_file.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;
using trustchain::Issuance;

constexpr Duration kSettleInterval = 10 * kSecond;
// So long a node may be behind before a height that it has not reached is a reason to ask.
constexpr UnixMillis kBehindMsMax = 10ULL * 60 * 1000;
constexpr std::size_t kMisissuedFileMax = 64 * 1024;
constexpr std::size_t kRefusedMax = 256;

Hash256 hash_of(ByteView certificate) {
  return crypto::sha256(certificate);
}

std::string name_of_holder(const fleet::MemberSet& members, const NodeId& holder) {
  const fleet::MemberInfo* const member = members.find(holder);
  return member != nullptr ? member->name : holder.hex();
}

}  // namespace

const trustchain::AnchorRecord* anchor_with(const fleet::MemberSet& members,
                                            const Hash256& issuer) {
  const auto anchors = members.anchors();
  const auto at = std::ranges::find_if(anchors, [&](const auto& anchor) {
    return anchor->certificate.public_key().spki_sha256() == issuer;
  });
  return at == anchors.end() ? nullptr : at->get();
}

Result<std::unique_ptr<AuthorityWatch>> AuthorityWatch::open(const Parts& parts) {
  std::unique_ptr<AuthorityWatch> out(new AuthorityWatch(parts));
  I2_TRY(make_private_folder(parts.data_dir / "witness" / "authorities"));
  const auto members = parts.trust.members();
  for (const auto& anchor : members->anchors()) {
    const Hash256 issuer = anchor->certificate.public_key().spki_sha256();
    std::error_code ignored;
    if (fs::exists(out->file_of(issuer), ignored)) {
      I2_TRY_VALUE(const auto der, read_secret(out->file_of(issuer), kMisissuedFileMax));
      out->found_.emplace(issuer, to_bytes(der.view()));
    }
  }
  return out;
}

AuthorityWatch::AuthorityWatch(const Parts& parts)
    : parts_(parts), wakeup_(parts.runtime.control()) {}

AuthorityWatch::~AuthorityWatch() {
  parts_.trust.on_doubtful_leaf({});
}

fs::path AuthorityWatch::file_of(const Hash256& issuer) const {
  return parts_.data_dir / "witness" / "authorities" / to_hex(issuer);
}

void AuthorityWatch::start() {
  parts_.trust.on_doubtful_leaf([this](const crypto::Certificate& leaf) { look(leaf); });
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void AuthorityWatch::stop() {
  parts_.trust.on_doubtful_leaf({});
  stopping_ = true;
  wakeup_.wake();
}

void AuthorityWatch::look(const crypto::Certificate& certificate) {
  boost::asio::post(parts_.runtime.control(), [this, certificate] {
    if (!stopping_) {
      judge(certificate);
    }
  });
}

Result<void> AuthorityWatch::admit(const crypto::Certificate& certificate) {
  const auto members = parts_.trust.members();
  I2_TRY_VALUE(const Issuance issuance, members->judge(certificate));
  const bool doubtful = issuance == Issuance::kUnauthorised || issuance == Issuance::kAhead;
  if (!doubtful || !members->signer_of(certificate)) {
    return {};
  }
  look(certificate);
  if (issuance == Issuance::kAhead) {
    return {};  // this node may be behind
  }
  return fail("trust.issuance_unauthorised",
              "'" + certificate.subject_common_name() +
                  "' was no member's name in the state by which the certificate says that it was "
                  "issued");
}

Task<> AuthorityWatch::run() {
  while (!stopping_) {
    settle();
    co_await wakeup_.wait(kSettleInterval);
  }
}

void AuthorityWatch::judge(const crypto::Certificate& certificate) {
  const auto members = parts_.trust.members();
  const auto issuance = members->judge(certificate);
  const auto issuer = members->signer_of(certificate);
  if (!issuance || !issuer || members->trust().is_convicted(*issuer)) {
    return;
  }
  if (*issuance == Issuance::kUnauthorised) {
    convict(*issuer, certificate);
  } else if (*issuance == Issuance::kAhead && !refused_.contains(hash_of(certificate.der()))) {
    ahead_.try_emplace(*issuer, certificate);
  }
}

// On the disk before anybody hears of it, so that a crash forgets nothing.
void AuthorityWatch::convict(const Hash256& issuer, const crypto::Certificate& certificate) {
  const Bytes& der = certificate.der();
  {
    const std::scoped_lock lock(mutex_);
    if (!found_.emplace(issuer, der).second) {
      return;
    }
  }
  if (const auto kept = write_secret(file_of(issuer), der); !kept) {
    parts_.log.error("trust", "evidence_not_kept", kept.error().to_string());
  }
  const auto members = parts_.trust.members();
  const trustchain::AnchorRecord* const anchor = anchor_with(*members, issuer);
  parts_.log.error(
      "trust", "unauthorised_issuance",
      "an authority issued a certificate that no state of the fleet authorises: see "
      "i2 ct evidence",
      {{"authority", anchor != nullptr ? name_of_holder(*members, anchor->holder) : to_hex(issuer)},
       {"name", certificate.subject_common_name()},
       {"state_height", certificate.state_height().value_or(0)}});
  wakeup_.wake();
}

void AuthorityWatch::settle() {
  const auto members = parts_.trust.members();
  const UnixMillis now = parts_.clock.unix_now();
  for (auto& [issuer, certificate] : std::exchange(ahead_, {})) {
    judge(certificate);
    const bool waits = ahead_.contains(issuer);
    if (waits && now > trustchain::issued_at(certificate) + kBehindMsMax && !reporting_) {
      ahead_.erase(issuer);
      reporting_ = true;
      parts_.tasks.spawn(parts_.runtime.control(), report(certificate.der()));
    }
  }
  if (const auto records = members->trust().authority_evidence()) {
    for (const auto& record : *records) {
      if (announced_.insert(record.issuer).second &&
          anchor_with(*members, record.issuer) != nullptr) {
        parts_.log.error("trust", "authority_convicted",
                         "the fleet's state has evidence against an authority: operators remove it "
                         "with i2 authority rm",
                         {{"authority", name_of_holder(*members, record.holder)}});
      }
    }
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& [issuer, der] : found_) {
    if (!reporting_ && !refused_.contains(hash_of(der)) && !members->trust().is_convicted(issuer)) {
      reporting_ = true;
      parts_.tasks.spawn(parts_.runtime.control(), report(der));
    }
  }
}

// Every node that has it does so: the first one counts.
Task<> AuthorityWatch::report(Bytes certificate) {
  const auto begin = [&](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(trustchain::AuthorityEvidence{.certificate = certificate},
                                  std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (ordered) {
    parts_.log.info("trust", "evidence_ordered",
                    "the fleet's state has evidence against an authority",
                    {{"height", ordered->height}});
  } else if (ordered.error().is("trust.evidence_invalid")) {
    if (refused_.size() >= kRefusedMax) {
      refused_.clear();
    }
    refused_.insert(hash_of(certificate));
  }
  if (!ordered && !ordered.error().is("trust.evidence_known")) {
    parts_.log.warning("trust", "evidence_not_ordered", ordered.error().message(),
                       {{"error", ordered.error().code()}});
  }
  reporting_ = false;
  if (ordered) {
    wakeup_.wake();
  }
}

Result<std::vector<AuthorityWatch::Case>> AuthorityWatch::cases() const {
  const auto members = parts_.trust.members();
  I2_TRY_VALUE(auto records, members->trust().authority_evidence());
  std::vector<Case> out;
  for (auto& record : records) {
    out.push_back({.issuer = record.issuer,
                   .holder = record.holder,
                   .certificate = std::move(record.certificate),
                   .ordered_at = record.at});
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& [issuer, der] : found_) {
    const trustchain::AnchorRecord* const anchor = anchor_with(*members, issuer);
    if (anchor != nullptr && !members->trust().is_convicted(issuer)) {
      out.push_back({.issuer = issuer, .holder = anchor->holder, .certificate = der});
    }
  }
  return out;
}

telemetry::LayerHealth AuthorityWatch::health() const {
  telemetry::LayerHealth out;
  const auto members = parts_.trust.members();
  const auto found = cases();
  for (const Case& one : found ? *found : std::vector<Case>()) {
    if (anchor_with(*members, one.issuer) != nullptr) {
      out.health = telemetry::Health::kDegraded;
      out.reason = "the authority of '" + name_of_holder(*members, one.holder) +
                   "' issued a certificate that no state authorises: see i2 ct evidence";
    }
  }
  return out;
}

}  // namespace i2::node
