// Entropy as a dependency: simulations pass a seeded one, services the operating system's.
#pragma once

#include <i2/base/bytes.h>

namespace i2 {

class Rng {
 public:
  virtual ~Rng() = default;
  // Fills `out` completely; an implementation that cannot aborts the process.
  virtual void fill(MutableByteView out) = 0;

  [[nodiscard]] std::uint64_t next_u64() {
    std::array<std::uint8_t, 8> raw{};
    fill(raw);
    std::uint64_t value = 0;
    for (const std::uint8_t byte : raw) {
      value = value << 8 | byte;
    }
    return value;
  }
};

}  // namespace i2
