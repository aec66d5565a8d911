// Finds out that a path swallows packets of a size that it once carried.
//
// ngtcp2's ladder of probes only climbs. When the route changes to one that carries less, every
// full packet vanishes while acknowledgements and PINGs arrive, and a transfer would hang for ever:
// a black hole, RFC 8899 §4.3. It is suspected when bytes of streams or datagrams are under way and
// none of them is acknowledged for several probe timeouts. Then packets keep to the size that every
// path carries until a trial is due; each suspicion doubles the time to the next one.
#pragma once

#include <i2/base/clock.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace i2::stoq::core {

class PathSize {
 public:
  static constexpr std::size_t kBase = 1'200;  // RFC 9000 §14

  // Packets are at most this long now.
  [[nodiscard]] std::size_t limit(Timestamp now) const {
    return now < small_until_ ? kBase : SIZE_MAX;
  }

  void acknowledged() { silent_since_ = kNever; }  // bytes of a stream, or a datagram
  // Timers fire often; only when this is true it is worth finding out what observe() wants to know.
  [[nodiscard]] bool due(Timestamp now) const { return now >= next_look_ && now >= small_until_; }
  // `in_flight`: such bytes are under way. `probe_timeout`: RFC 9002 §6.2.1, without backoff.
  void observe(Timestamp now, Duration probe_timeout, bool in_flight) {
    next_look_ = now + probe_timeout;
    if (!in_flight) {
      silent_since_ = kNever;
    } else if (silent_since_ == kNever) {
      silent_since_ = now;
    } else if (now - silent_since_ >= std::max(kTimeouts * probe_timeout, kSilenceMin)) {
      silent_since_ = kNever;
      small_until_ = now + trial_after_;
      trial_after_ = std::min(2 * trial_after_, kTrialMax);
    }
  }

 private:
  static constexpr Duration kTimeouts = 4;
  static constexpr Duration kSilenceMin = kSecond / 2;  // a busy host pauses for a while
  static constexpr Duration kTrialFirst = 10 * kSecond;
  static constexpr Duration kTrialMax = 600 * kSecond;  // RFC 8899 §5.1.1

  Timestamp silent_since_ = kNever;
  Timestamp next_look_ = 0;
  Timestamp small_until_ = 0;
  Duration trial_after_ = kTrialFirst;
};

}  // namespace i2::stoq::core
