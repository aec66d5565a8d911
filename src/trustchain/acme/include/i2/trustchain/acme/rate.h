// A rate limit that needs one number of memory: so many in a window, given back evenly.
#pragma once

#include <i2/base/clock.h>

#include <algorithm>
#include <cstdint>

namespace i2::trustchain::acme {

struct RateLimit {
  std::uint32_t count = 0;  // 0: no limit
  UnixMillis window_ms = 0;
};

class RateMeter {
 public:
  // Milliseconds until one more is allowed; 0: now.
  [[nodiscard]] UnixMillis wait(const RateLimit& limit, UnixMillis now) const {
    if (limit.count == 0) {
      return 0;
    }
    const UnixMillis allowed_from = empty_at_ + step(limit);
    return allowed_from > now + limit.window_ms ? allowed_from - now - limit.window_ms : 0;
  }
  void take(const RateLimit& limit, UnixMillis now) {
    if (limit.count != 0) {
      empty_at_ = std::min(std::max(empty_at_, now) + step(limit), now + limit.window_ms);
    }
  }
  // Whether all that was taken has been given back.
  [[nodiscard]] bool is_idle(UnixMillis now) const { return empty_at_ <= now; }

 private:
  [[nodiscard]] static UnixMillis step(const RateLimit& limit) {
    return limit.window_ms / limit.count;
  }
  UnixMillis empty_at_ = 0;  // when all that was taken has been given back
};

}  // namespace i2::trustchain::acme
