// Errors as problem details (RFC 9457): {"type","title","status","detail","code"}. `type` and
// `code` carry the project's stable error code (docs/errors.md).
#pragma once

#include <i2/base/error.h>
#include <i2/gateway/http.h>

namespace i2::gateway {

// The status of an error: what the code says about whose fault it is, else 500.
[[nodiscard]] int status_of(const Error& error);
[[nodiscard]] Response problem(const Error& error);
[[nodiscard]] Response problem(const Error& error, int status);
// "Not Found"; empty for a number without a name here.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace i2::gateway
