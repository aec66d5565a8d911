// Error and Result: how every fallible call of the project answers.
//
// An Error is a small value: a stable code, what happened in words for a person, and the native number
// (errno, OpenSSL, ngtcp2) where there is one. Codes have the form "layer.reason" ("stoq.ipv4_refused");
// they are part of the visible contract and listed in docs/errors.md with cause and remedy.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace i2 {

// A "layer.reason" string with static lifetime. Only literals convert.
class ErrorCode {
 public:
  consteval ErrorCode(const char* text) : text_(text) {  // NOLINT(google-explicit-constructor)
    bool dot = false;
    for (const char c : text_) {
      if (c == '.') {
        dot = true;
      } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
        throw "an error code is layer.reason in lower case";
      }
    }
    if (!dot) {
      throw "an error code is layer.reason";
    }
  }
  // A code that came as text, from a peer or a file. None when it is not layer.reason, is longer
  // than 64 bytes, or the process has already kept 4 096 different ones (they are never freed).
  // Thread-safe.
  [[nodiscard]] static std::optional<ErrorCode> from_text(std::string_view text);
  [[nodiscard]] constexpr std::string_view text() const { return text_; }
  friend constexpr bool operator==(ErrorCode, ErrorCode) = default;

 private:
  struct Kept {};
  ErrorCode(Kept, std::string_view text) : text_(text) {}
  std::string_view text_;
};

class [[nodiscard]] Error {
 public:
  // `message`: what is wrong, where, and what to do about it; no trailing full stop, one line.
  Error(ErrorCode code, std::string message, std::int64_t native = 0)
      : code_(code), native_(native), message_(std::move(message)) {}

  [[nodiscard]] std::string_view code() const { return code_.text(); }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] std::int64_t native() const { return native_; }
  [[nodiscard]] bool is(ErrorCode code) const { return code_ == code; }

  // The same error with "where: " in front of its message.
  [[nodiscard]] Error in(std::string_view where) const {
    return {code_, std::string(where) + ": " + message_, native_};
  }
  // "message [layer.reason]", the form that logs and the command line show.
  [[nodiscard]] std::string to_string() const {
    return message_ + " [" + std::string(code()) + "]";
  }

 private:
  ErrorCode code_;
  std::int64_t native_;
  std::string message_;
};

template <class T = void>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message,
                                                 std::int64_t native = 0) {
  return std::unexpected<Error>(Error(code, std::move(message), native));
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

// An Error from errno: "what: No such file or directory".
[[nodiscard]] Error errno_error(ErrorCode code, std::string_view what, int number);

}  // namespace i2

// Returns the error of a Result<void> expression to the caller; in coroutines use I2_CO_TRY.
#define I2_TRY(expression)                                                    \
  do {                                                                        \
    if (auto i2_try_result = (expression); !i2_try_result) {                  \
      return std::unexpected<::i2::Error>(std::move(i2_try_result).error());  \
    }                                                                         \
  } while (false)

// I2_TRY_VALUE(auto x, expression): declares x with the value of a Result<T>, or returns its error.
#define I2_TRY_CONCAT_(a, b) a##b
#define I2_TRY_CONCAT(a, b) I2_TRY_CONCAT_(a, b)
#define I2_TRY_VALUE(declaration, expression) \
  I2_TRY_VALUE_(I2_TRY_CONCAT(i2_try_, __LINE__), declaration, expression)
#define I2_TRY_VALUE_(temporary, declaration, expression)                \
  auto temporary = (expression);                                         \
  if (!temporary) {                                                      \
    return std::unexpected<::i2::Error>(std::move(temporary).error());   \
  }                                                                      \
  declaration = std::move(*temporary)

// The same inside a coroutine. Await into a local first: I2_CO_TRY(co_await f()) is fine, nesting is not.
#define I2_CO_TRY(expression)                                                   \
  do {                                                                          \
    if (auto i2_try_result = (expression); !i2_try_result) {                    \
      co_return std::unexpected<::i2::Error>(std::move(i2_try_result).error()); \
    }                                                                           \
  } while (false)
#define I2_CO_TRY_VALUE(declaration, expression) \
  I2_CO_TRY_VALUE_(I2_TRY_CONCAT(i2_try_, __LINE__), declaration, expression)
#define I2_CO_TRY_VALUE_(temporary, declaration, expression)               \
  auto temporary = (expression);                                           \
  if (!temporary) {                                                        \
    co_return std::unexpected<::i2::Error>(std::move(temporary).error());  \
  }                                                                        \
  declaration = std::move(*temporary)
