// An authority for tests and benchmarks: keys, a clock, threads, and a log that only promises.
#pragma once

#include <i2/trustchain/certificate_authority.h>
#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/trustchain/core/ordinary.h>
#include <i2/trustchain/testing/pool.h>

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

namespace i2::trustchain::testing {

inline constexpr UnixMillis kStart = 1'763'700'000'000;  // 2025-11-21

class SettableClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return ticks; }
  [[nodiscard]] UnixMillis unix_now() const override { return time; }
  std::atomic<Timestamp> ticks = kSecond;
  std::atomic<UnixMillis> time = kStart;
};

// Signs promises and keeps nothing.
class PromisingLog final : public LogClient {
 public:
  explicit PromisingLog(const Clock& clock) : clock_(clock) {}

  void add(const crypto::Certificate& precertificate, std::vector<crypto::Certificate> chain,
           Done done) override {
    if (mute) {
      const std::scoped_lock lock(mutex_);
      kept_.push_back(std::move(done));
      return;
    }
    done(promise(precertificate, chain));
  }
  [[nodiscard]] const crypto::PublicKey& key() const { return key_.public_key(); }
  // What add() was given while `mute` was set fails now.
  void refuse_all() {
    std::vector<Done> kept;
    {
      const std::scoped_lock lock(mutex_);
      kept.swap(kept_);
    }
    for (const Done& done : kept) {
      done(fail("trust.log_stopped", "the log is gone"));
    }
  }
  [[nodiscard]] std::size_t kept() const {
    const std::scoped_lock lock(mutex_);
    return kept_.size();
  }
  std::atomic<bool> mute = false;

 private:
  [[nodiscard]] Result<Bytes> promise(const crypto::Certificate& precertificate,
                                      std::span<const crypto::Certificate> chain) {
    I2_TRY_VALUE(auto entry, crypto::precertificate_entry(precertificate, chain.front()));
    ct::LogEntry out;
    out.index = next_++;
    out.timestamp = clock_.unix_now();
    out.submission.type = ct::EntryType::kPrecert;
    out.submission.issuer_key_hash = entry.issuer_key_hash;
    out.submission.certificate = std::move(entry.tbs);
    out.submission.precertificate = precertificate.der();
    I2_TRY_VALUE(const auto sct, ct::make_sct(out, key_));
    return ct::encode(sct);
  }
  const Clock& clock_;
  const crypto::PrivateKey key_ =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  std::atomic<std::uint64_t> next_ = 0;
  mutable std::mutex mutex_;
  std::vector<Done> kept_;
};

// An intermediate of the fleet "home" under a fresh root, from `now` on.
inline OrdinaryAuthority make_authority(UnixMillis now = kStart) {
  const auto root = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return make_ordinary_authority(root, "home", now, random_certificate_serial).value();
}

[[nodiscard]] inline Result<void> add_to(IssuerSet& issuers, const OrdinaryAuthority& authority) {
  return issuers.add(IssuerKind::kOrdinary, issuer_of(authority),
                     {authority.certificate, authority.root});
}

// A server of an account that may have all of its names.
inline Application server(const std::string& name, const std::string& requester = "account 7") {
  return {.profile = Profile::kServer,
          .applicant = {.role = Requester::kAccount, .suffixes = {name}},
          .requester = requester,
          .common_name = name,
          .dns_names = {name}};
}

inline crypto::CertificateRequest request_for(const crypto::PrivateKey& key,
                                              const std::string& name) {
  return crypto::CertificateRequest::create(key, name, {name}).value();
}

inline const crypto::PrivateKey& subject_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return key;
}

inline Result<Issued> issue_and_wait(CertificateAuthority& authority,
                                     crypto::CertificateRequest request, Application application) {
  std::promise<Result<Issued>> answer;
  authority.issue(std::move(request), std::move(application),
                  [&answer](Result<Issued> issued) { answer.set_value(std::move(issued)); });
  return answer.get_future().get();
}

}  // namespace i2::trustchain::testing
