#include "rate_limit.h"

#include <algorithm>

namespace i2::node {

bool RateLimit::take(Timestamp now) {
  const std::uint64_t refill = (now - std::min(now, refilled_)) / every_;
  if (refill > 0) {
    left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(burst_, left_ + refill));
    refilled_ += refill * every_;
  }
  if (left_ == 0) {
    return false;
  }
  --left_;
  return true;
}

}  // namespace i2::node
