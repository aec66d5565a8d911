// Telling the service manager how the daemon is: the protocol of sd_notify(3), a datagram of
// "NAME=VALUE" lines to the UNIX socket that NOTIFY_SOCKET names. Without one nothing is said.
#pragma once

#include <i2/base/clock.h>

#include <optional>
#include <string>
#include <string_view>

namespace i2::node {

class ServiceManager {
 public:
  // Of the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. Relative paths and sockets of
  // other kinds than UNIX are not used (sd_notify(3), "Standalone Implementations").
  [[nodiscard]] static ServiceManager of_environment();

  ServiceManager(std::string socket, std::optional<Duration> watchdog)
      : socket_(std::move(socket)), watchdog_(watchdog) {}

  // "READY=1\nSTATUS=...". Never blocks; whether it was taken.
  bool tell(std::string_view state) const;
  // The time within which WATCHDOG=1 has to be told again and again, if at all.
  [[nodiscard]] std::optional<Duration> watchdog() const { return watchdog_; }

 private:
  std::string socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace i2::node
