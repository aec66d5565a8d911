// Runs a function and then wipes the stack region that it used.
#pragma once

#include <cstddef>
#include <utility>

namespace i2::crypto::falcon {

// Falcon's signing uses about 86 KB below its caller, key generation 36 KB.
inline constexpr std::size_t kWipedStackSize = 120 * 1024;

// Overwrites kWipedStackSize bytes below the caller's frame.
void wipe_stack_below();

// `function` runs in a frame of its own that lies where wipe_stack_below() then writes. Both are
// called from this frame, so neither may be inlined into it.
template <class Function>
[[gnu::noinline]] auto call_in_own_frame(Function& function) {
  return function();
}

template <class Function>
[[gnu::noinline]] auto on_wiped_stack(Function function) {
  auto result = call_in_own_frame(function);
  wipe_stack_below();
  return result;
}

}  // namespace i2::crypto::falcon
