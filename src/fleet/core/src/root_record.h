// What the state says about the root's keys.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>

namespace i2::fleet {

struct RootRecord {
  UnixMillis exported_at = 0;
};
[[nodiscard]] Bytes encode(const RootRecord& value);

}  // namespace i2::fleet
