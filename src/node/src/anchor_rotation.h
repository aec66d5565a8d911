// Gives a certificate authority that runs its next anchor.
//
//   two thirds of a life        eleven twelfths            the end
//   ──────────┬──────────────────────────┬────────────────────┬──▶
//             │ the fleet gets the next  │ it issues          │ the one before is nobody's
//
// A member that was off meanwhile refuses certificates of an anchor that it has not heard of, and
// then hears of nothing: that is why the next one waits a season before it issues. What the one
// before has issued is good until it ends.
//
// This takes the root's keys and those of the fleet's only operator, where `init` has put them.
// Elsewhere it writes the request for `i2 authority grant`; what is not answered makes the node
// degraded (expiry_watch.h). Keys of `i2 authority install` are taken over anywhere, at once.
#pragma once

#include <i2/fleet/authority_keys.h>
#include <i2/node/log.h>

#include <filesystem>

#include "authority.h"
#include "fleet_ledger.h"

namespace i2::node {

class AnchorRotation {
 public:
  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    fleet::OrdinaryCertificates& ordinary;
    Authority& authority;
    FleetLedger& fleet;
    const Logger& log;
    const Clock& clock;
    std::filesystem::path data_dir;
  };
  explicit AnchorRotation(Parts parts) : parts_(std::move(parts)) {}
  AnchorRotation(const AnchorRotation&) = delete;
  AnchorRotation& operator=(const AnchorRotation&) = delete;

  // Does what is due; says in the log what has come of it. On the control executor, one at a time.
  [[nodiscard]] Task<> step();

 private:
  [[nodiscard]] Result<fleet::AnchorKey> reload();
  [[nodiscard]] Task<Result<void>> order();
  [[nodiscard]] Task<Result<void>> order(fleet::AuthorityGrant grant);
  [[nodiscard]] Result<fleet::AuthorityGrant> make_grant();
  [[nodiscard]] Result<void> write_request();
  [[nodiscard]] Result<void> install();
  [[nodiscard]] bool may_install(const trustchain::Issuer& anchor) const;
  [[nodiscard]] bool signs_alone() const;

  const Parts parts_;
  Timestamp retry_at_ = 0;
  bool requested_ = false;  // since the start
};

}  // namespace i2::node
