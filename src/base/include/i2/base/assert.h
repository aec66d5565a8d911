// Asserts for programmer errors, compiled in always. Never for anything a peer, a file or a user
// controls.
#pragma once

namespace i2 {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace i2

#define I2_ASSERT(expression)                           \
  (static_cast<bool>(expression) ? static_cast<void>(0) \
                                 : ::i2::assertion_failed(#expression, __FILE__, __LINE__))
