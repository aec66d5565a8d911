#include "error_queue.h"

#include <openssl/err.h>

#include <cstdint>

namespace i2::crypto {

Error openssl_error(ErrorCode code, std::string_view what) {
  const unsigned long number = ERR_get_error();
  ERR_clear_error();
  std::string message(what);
  if (number != 0) {
    const char* reason = ERR_reason_error_string(number);
    message += ": ";
    message += reason != nullptr ? std::string(reason) : "OpenSSL error " + std::to_string(number);
  }
  return {code, std::move(message), static_cast<std::int64_t>(number)};
}

}  // namespace i2::crypto
