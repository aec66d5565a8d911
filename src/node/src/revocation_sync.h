// The authority of this node and the fleet's state say the same of what is revoked.
//
// What the state revokes of this authority's certificates, by number or by account, goes to its
// lists and OCSP answers, and so do the ordinary certificates of who is no member any more; what is
// revoked at the authority is ordered, so that members refuse it too. Both ways whatever is there
// already changes nothing. At the start everything is compared, later what has changed.
#pragma once

#include <i2/fleet/ledger.h>
#include <i2/trustchain/revocation_service.h>

#include <map>
#include <mutex>
#include <set>

#include "certificate_index.h"

namespace i2::node {

class RevocationSync {
 public:
  struct Parts {
    rt::Runtime& runtime;
    trustchain::CertificateStore& store;
    const trustchain::IssuerSet& issuers;
    trustchain::RevocationService& revocations;
    CertificateIndex& index;
    AccountOf account_of;
    std::function<std::shared_ptr<const fleet::Chain>()> chain;  // the newest that is known here
    CertificateIndex::Submit submit;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
  };
  explicit RevocationSync(Parts parts)
      : parts_(std::move(parts)), wakeup_(parts_.runtime.control()) {}
  RevocationSync(const RevocationSync&) = delete;
  RevocationSync& operator=(const RevocationSync&) = delete;

  // On any thread: what a block has changed in the state.
  void handle_change(const std::set<Bytes>& keys);
  // On the control executor from here on.
  void start() { parts_.tasks.spawn(parts_.runtime.control(), run()); }
  void stop();
  // The authority has revoked these, and they are on its disk.
  void handle_revoked(std::span<const trustchain::RevokedCertificate> revoked);

 private:
  // What a pass looks at: certificates by number, accounts, and who has departed.
  struct News {
    std::vector<trustchain::CertificateId> certificates;
    std::vector<ports::AccountId> accounts;
    std::vector<NodeId> departed;
    bool all = false;
  };
  using Revoked = std::vector<trustchain::RevokedCertificate>;

  [[nodiscard]] Task<> run();
  [[nodiscard]] News take_news();
  // From the state to the authority. On the pool.
  [[nodiscard]] Result<std::size_t> take_over(const News& news);
  [[nodiscard]] Result<Revoked> revoked_by_number(const fleet::Chain& chain,
                                                  const News& news) const;
  [[nodiscard]] Result<Revoked> revoked_by_account(const fleet::Chain& chain,
                                                   const News& news) const;
  [[nodiscard]] Result<Revoked> revoked_by_departure(const fleet::Chain& chain,
                                                     const News& news) const;
  [[nodiscard]] Result<void> add_certificates_of(const fleet::RevokedRecord& former,
                                                 Revoked& out) const;
  // From the authority to the state.
  [[nodiscard]] Result<void> find_unordered();
  [[nodiscard]] Task<Result<void>> order();
  using Reasons = std::map<crypto::RevocationReason, std::vector<trustchain::CertificateId>>;
  [[nodiscard]] Result<Reasons> ready();
  [[nodiscard]] Task<Result<void>> order(crypto::RevocationReason reason,
                                         std::vector<trustchain::CertificateId> certificates);

  Parts parts_;
  Wakeup wakeup_;
  std::mutex mutex_;
  News news_{.certificates = {}, .accounts = {}, .departed = {}, .all = true};  // under `mutex_`
  // Revoked here and, as far as is known, not in the state.
  std::map<trustchain::CertificateId, crypto::RevocationReason> unordered_;
  bool stopping_ = false;
};

}  // namespace i2::node
