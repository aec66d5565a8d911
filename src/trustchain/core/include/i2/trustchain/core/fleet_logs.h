// FleetLogs: the logs that the fleet's state names, ready to check certificates against.
//
// From the block on that named the first one, a node shows peers only what one of them has promised
// to include. Immutable; safe to share between threads.
#pragma once

#include <i2/trustchain/core/trust_state.h>

namespace i2::trustchain {

namespace ct {
struct Submission;
}

// So long after the first log was named an authority may not have heard of it.
inline constexpr UnixMillis kFirstLogGraceMs = 10ULL * 60 * 1000;

// When the certificate was made: its validity begins a little before that (profile.h).
[[nodiscard]] UnixMillis issued_at(const crypto::Certificate& certificate);

class FleetLogs {
 public:
  // No logs: nothing is asked for.
  FleetLogs() = default;
  // Error: fleet.state_invalid.
  [[nodiscard]] static Result<FleetLogs> from_state(const ports::StateReader& state);

  [[nodiscard]] bool empty() const { return logs_.empty(); }
  // Whether `leaf`, which `issuer` has signed, carries the valid SCT of a log, made while that one
  // was the fleet's, give or take the five minutes that clocks may differ. About 100 us.
  // Error: trust.sct_missing.
  [[nodiscard]] Result<void> check_promise(const crypto::Certificate& leaf,
                                           const crypto::Certificate& issuer) const;
  // Whether `sct` is such a promise of `certificate`, which may be a precertificate.
  // Errors: trust.sct_invalid, crypto.certificate_malformed.
  [[nodiscard]] Result<void> check_sct(ByteView sct, const crypto::Certificate& certificate,
                                       const crypto::Certificate& issuer) const;
  // What peers are held to: likewise, and stating a height (misissuance.h), so that it is evidence
  // if it should not be there; or from before the first log. Error: trust.sct_missing.
  [[nodiscard]] Result<void> check(const crypto::Certificate& leaf,
                                   const crypto::Certificate& issuer) const;

 private:
  struct Log {
    Hash256 id{};
    crypto::PublicKey key;
    UnixMillis since = 0;  // 0: the first one promised before it was named
    UnixMillis until = 0;
  };
  [[nodiscard]] bool is_promise(ByteView sct, const ct::Submission& submission) const;
  UnixMillis logged_since_ = 0;
  std::vector<Log> logs_;
};

}  // namespace i2::trustchain
