// When a node looks after its certificates, and how often it tries.
#pragma once

#include <i2/base/clock.h>

namespace i2::node {

// Between two looks at the wall clock, which may jump while the monotonic one stands still.
inline constexpr Duration kLookMax = 10 * kSecond;
inline constexpr Duration kRetryMin = 5 * kSecond;
inline constexpr Duration kRetryMax = 600 * kSecond;
// Nodes that were provisioned together do not renew together.
inline constexpr UnixMillis kJitterMs = 3'600'000;

}  // namespace i2::node
