// The operating system's clocks.
#pragma once

#include <i2/base/clock.h>

namespace i2::rt {

// CLOCK_MONOTONIC and the wall clock. Thread-safe, stateless.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] UnixMillis unix_now() const override;
};

}  // namespace i2::rt
