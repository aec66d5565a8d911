// One HTTP/1.1 request (RFC 9112) on a connection that serves no other.
#pragma once

#include <i2/base/error.h>

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "connection.h"
#include "names.h"

namespace i2::trustchain::checks {

struct HttpAnswer {
  unsigned status = 0;
  std::string location{};  // of a redirect; it has no body then
  std::string body{};
};

[[nodiscard]] bool is_redirect(unsigned status);

// Sends the request and reads the answer; `connection` lives as long as the coroutine. Errors:
// acme.connection (no HTTP), acme.incorrect_response (a body of more than `body_size_max` bytes),
// acme.tls.
[[nodiscard]] boost::asio::awaitable<Result<HttpAnswer>> http_get(Connection* connection, Url url,
                                                                  std::size_t body_size_max);

}  // namespace i2::trustchain::checks
