#include <i2/rt/clock.h>

#include <ctime>

namespace i2::rt {
namespace {

std::uint64_t read(clockid_t clock) {
  timespec value{};
  clock_gettime(clock, &value);
  return static_cast<std::uint64_t>(value.tv_sec) * kSecond +
         static_cast<std::uint64_t>(value.tv_nsec);
}

}  // namespace

Timestamp SystemClock::now() const {
  return read(CLOCK_MONOTONIC);
}
UnixMillis SystemClock::unix_now() const {
  return read(CLOCK_REALTIME) / kMillisecond;
}

}  // namespace i2::rt
