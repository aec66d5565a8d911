// So many at once, refilled at a steady rate. Pure.
#pragma once

#include <i2/base/clock.h>

#include <cstdint>

namespace i2::node {

class RateLimit {
 public:
  // `every` is not 0.
  RateLimit(std::uint32_t burst, Duration every) : burst_(burst), every_(every), left_(burst) {}
  // Takes one if there is one.
  [[nodiscard]] bool take(Timestamp now);

 private:
  std::uint32_t burst_;
  Duration every_;
  std::uint32_t left_;
  Timestamp refilled_ = 0;
};

}  // namespace i2::node
