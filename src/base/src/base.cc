#include <i2/base/assert.h>
#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <system_error>

namespace i2 {

std::optional<ErrorCode> ErrorCode::from_text(std::string_view text) {
  constexpr std::size_t kSizeMax = 64;
  constexpr std::size_t kKeptMax = 4'096;
  const bool letters =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos;
  if (!letters || text.size() > kSizeMax || text.find('.') == std::string_view::npos) {
    return std::nullopt;
  }
  static std::mutex mutex;
  static auto& kept = *new std::set<std::string, std::less<>>;  // codes outlive every destructor
  const std::scoped_lock lock(mutex);
  auto it = kept.find(text);
  if (it == kept.end()) {
    if (kept.size() >= kKeptMax) {
      return std::nullopt;
    }
    it = kept.emplace(text).first;
  }
  return ErrorCode(Kept{}, *it);
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
