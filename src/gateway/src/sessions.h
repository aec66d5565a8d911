// Serving one connection, from its first byte to its end.
#pragma once

#include <i2/base/clock.h>
#include <i2/stoq/transport.h>

#include <memory>

#include "service.h"

namespace i2::gateway {

struct SessionTimes {
  Duration handshake = 10 * kSecond;  // TLS
  Duration headers = 10 * kSecond;    // from the first byte of a request to its last header
  Duration body = 30 * kSecond;
  Duration idle = 60 * kSecond;   // between requests
  Duration write = 30 * kSecond;  // a client that takes nothing
};

// Runs on connection.executor(); returns when the connection has ended.
[[nodiscard]] Task<void> serve_http3(stoq::Connection connection, std::shared_ptr<Service> service,
                                     SessionTimes times);

}  // namespace i2::gateway
