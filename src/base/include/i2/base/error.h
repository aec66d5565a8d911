// Error and Result: how every fallible call of the project answers.
//
// An Error is a small value: a stable code, what happened in words for a person, and the native
// number (errno, OpenSSL, ngtcp2) where there is one. Codes have the form "layer.reason"
// ("stoq.ipv4_refused"); they are part of the visible contract and listed in docs/errors.md with
// cause and remedy.
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
  [[nodiscard]] constexpr std::string_view text() const { return text_; }
  friend constexpr bool operator==(ErrorCode, ErrorCode) = default;

 private:
  std::string_view text_;
};

class [[nodiscard]] Error {
 public:
  // `message`: what is wrong, where, and what to do about it; no trailing full stop, one line.
  Error(ErrorCode code, std::string message, std::int64_t native = 0)
      : code_(code.text()), native_(native), message_(std::move(message)) {}

  // An error that another node reported. None when `code` is not layer.reason or longer than 64
  // bytes.
  [[nodiscard]] static std::optional<Error> reported(std::string_view code, std::string message,
                                                     std::int64_t native = 0);

  [[nodiscard]] const std::string& code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] std::int64_t native() const { return native_; }
  [[nodiscard]] bool is(ErrorCode code) const { return code_ == code.text(); }

  // The same error with "where: " in front of its message.
  [[nodiscard]] Error in(std::string_view where) const {
    Error out = *this;
    out.message_ = std::string(where) + ": " + message_;
    return out;
  }
  // "message [layer.reason]", the form that logs and the command line show.
  [[nodiscard]] std::string to_string() const { return message_ + " [" + code_ + "]"; }

 private:
  Error() = default;
  std::string code_;  // a literal, or what another node sent
  std::int64_t native_ = 0;
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
#define I2_TRY(expression)                                                   \
  do {                                                                       \
    if (auto i2_try_result = (expression); !i2_try_result) {                 \
      return std::unexpected<::i2::Error>(std::move(i2_try_result).error()); \
    }                                                                        \
  } while (false)

// I2_TRY_VALUE(auto x, expression): declares x with the value of a Result<T>, or returns its error.
#define I2_TRY_CONCAT_(a, b) a##b
#define I2_TRY_CONCAT(a, b) I2_TRY_CONCAT_(a, b)
#define I2_TRY_VALUE(declaration, expression) \
  I2_TRY_VALUE_(I2_TRY_CONCAT(i2_try_, __LINE__), declaration, expression)
#define I2_TRY_VALUE_(temporary, declaration, expression)              \
  auto temporary = (expression);                                       \
  if (!temporary) {                                                    \
    return std::unexpected<::i2::Error>(std::move(temporary).error()); \
  }                                                                    \
  declaration = std::move(*temporary)

// The same inside a coroutine. Await into a local first: I2_CO_TRY(co_await f()) is fine, nesting
// is not.
#define I2_CO_TRY(expression)                                                   \
  do {                                                                          \
    if (auto i2_try_result = (expression); !i2_try_result) {                    \
      co_return std::unexpected<::i2::Error>(std::move(i2_try_result).error()); \
    }                                                                           \
  } while (false)
#define I2_CO_TRY_VALUE(declaration, expression) \
  I2_CO_TRY_VALUE_(I2_TRY_CONCAT(i2_try_, __LINE__), declaration, expression)
#define I2_CO_TRY_VALUE_(temporary, declaration, expression)              \
  auto temporary = (expression);                                          \
  if (!temporary) {                                                       \
    co_return std::unexpected<::i2::Error>(std::move(temporary).error()); \
  }                                                                       \
  declaration = std::move(*temporary)
