// OpenSSL's error queue as an Error of ours.
#pragma once

#include <i2/base/error.h>

#include <string_view>

namespace i2::crypto {

// "what: reason of the oldest queued error"; empties the queue, so that it does not surface
// elsewhere.
[[nodiscard]] Error openssl_error(ErrorCode code, std::string_view what);

}  // namespace i2::crypto
