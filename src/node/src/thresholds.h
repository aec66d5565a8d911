// What a machine needs for a node to be well.
#pragma once

#include <i2/base/clock.h>

#include <cstdint>

namespace i2::node {

// Free bytes on the disk; with less the node is degraded.
inline constexpr std::uintmax_t kSpaceMin = 64ULL * 1024 * 1024;
inline constexpr UnixMillis kClockMin =
    1'735'689'600'000;  // 2025-01-01: no clock that is set is earlier

}  // namespace i2::node
