// Certificates that an authority of the fleet should not have issued (misissuance.h): this node
// keeps the first one of each authority, hands it in to be ordered, and says so.
//
//   <data-dir>/witness/authorities/<key hash>   what convicts the authority with that key, DER
//
// A certificate that states a height which this node has not reached is looked at again when it
// has; if it has not ten minutes after the certificate was issued, the block in which it is handed
// in decides. Nothing else follows by itself: operators remove an authority.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/telemetry/health.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "fleet_ledger.h"
#include "tasks.h"

namespace i2::node {

// By the SHA-256 of its SPKI; lives as long as `members`. Null: the state has no such authority.
[[nodiscard]] const trustchain::AnchorRecord* anchor_with(const fleet::MemberSet& members,
                                                          const Hash256& issuer);

class AuthorityWatch {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    std::filesystem::path data_dir;
  };
  // Reads what there is against present authorities. Errors: node.secret_exposed, node.file_failed.
  [[nodiscard]] static Result<std::unique_ptr<AuthorityWatch>> open(const Parts& parts);
  AuthorityWatch(const AuthorityWatch&) = delete;
  AuthorityWatch& operator=(const AuthorityWatch&) = delete;
  ~AuthorityWatch();

  // On the control executor.
  void start();
  void stop();

  // A certificate or precertificate that somebody showed, on any thread; what says nothing of an
  // authority is ignored.
  void look(const crypto::Certificate& certificate);
  // For a log, before it promises to include it: likewise. Error: trust.issuance_unauthorised.
  [[nodiscard]] Result<void> admit(const crypto::Certificate& certificate);

  // What is known against authorities, by the state or by this node alone; on any thread.
  struct Case {
    Hash256 issuer{};  // SHA-256 of the SPKI
    NodeId holder;
    Bytes certificate;
    UnixMillis ordered_at = 0;  // 0: no block has it yet
  };
  // Error: fleet.state_invalid.
  [[nodiscard]] Result<std::vector<Case>> cases() const;
  [[nodiscard]] telemetry::LayerHealth health() const;

 private:
  explicit AuthorityWatch(const Parts& parts);
  [[nodiscard]] std::filesystem::path file_of(const Hash256& issuer) const;
  [[nodiscard]] Task<> run();
  // On the control executor: what was seen, and what the state has to say.
  void judge(const crypto::Certificate& certificate);
  void convict(const Hash256& issuer, const crypto::Certificate& certificate);
  void settle();
  [[nodiscard]] Task<> report(Bytes certificate);

  const Parts parts_;
  Wakeup wakeup_;
  std::map<Hash256, crypto::Certificate> ahead_;  // by issuer: the one that waits for its height
  std::set<Hash256> refused_;                     // SHA-256 of those that proved nothing
  std::set<Hash256> announced_;                   // convictions of the state
  mutable std::mutex mutex_;                      // of found_
  std::map<Hash256, Bytes> found_;                // by issuer
  bool reporting_ = false;
  bool stopping_ = false;
};

}  // namespace i2::node
