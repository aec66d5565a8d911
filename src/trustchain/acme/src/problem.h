// Errors as problem documents of ACME (RFC 8555 §6.7, RFC 9457).
#pragma once

#include <i2/base/error.h>
#include <i2/trustchain/acme/server.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace i2::trustchain::acme {

using NamedError = std::pair<std::string, Error>;  // about one name of an order

// {"type","detail","status"}, and "subproblems" (RFC 8555 §6.7.1) where there are some. An error of
// another layer is a serverInternal one.
[[nodiscard]] nlohmann::json problem_json(const Error& error,
                                          const std::vector<NamedError>& subproblems = {});
// acme.rate_limited and acme.busy have a Retry-After of as many seconds as the error's native
// number; acme.bad_signature_algorithm says which ones there are (RFC 8555 §6.2).
[[nodiscard]] Response problem(const Error& error, const std::vector<NamedError>& subproblems = {});

// An error that came from outside, fit to be kept and shown: UTF-8, at most 512 bytes.
[[nodiscard]] Error shown(const Error& error);

// Everything is full of what must not be evicted.
[[nodiscard]] std::unexpected<Error> busy();

}  // namespace i2::trustchain::acme
