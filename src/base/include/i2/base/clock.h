// Time as a value. Pure code is handed `now`; only L5 and above own a Clock.
#pragma once

#include <cstdint>

namespace i2 {

// Monotonic nanoseconds since an arbitrary start; never goes backwards within a process.
using Timestamp = std::uint64_t;
// Nanoseconds.
using Duration = std::uint64_t;
// Unix time in milliseconds: the unit of every signed or replicated value.
using UnixMillis = std::uint64_t;

inline constexpr Duration kMicrosecond = 1'000;
inline constexpr Duration kMillisecond = 1'000'000;
inline constexpr Duration kSecond = 1'000'000'000;
inline constexpr Timestamp kNever = UINT64_MAX;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  [[nodiscard]] virtual UnixMillis unix_now() const = 0;
};

}  // namespace i2
