#include <i2/base/assert.h>
#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace i2 {

std::optional<Error> Error::reported(std::string_view code, std::string message,
                                     std::int64_t native) {
  constexpr std::size_t kSizeMax = 64;
  const bool letters =
      code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos;
  if (!letters || code.size() > kSizeMax || code.find('.') == std::string_view::npos) {
    return std::nullopt;
  }
  Error out;
  out.code_ = code;
  out.message_ = std::move(message);
  out.native_ = native;
  return out;
}

Error errno_error(ErrorCode code, std::string_view what, int number) {
  return {code, std::string(what) + ": " + std::generic_category().message(number), number};
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
  std::abort();
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

}  // namespace i2
