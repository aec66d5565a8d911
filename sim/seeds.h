// Which seeds a simulation runs: I2_SIM_SEEDS=FIRST:COUNT, those of round I2_SOAK_ROUND, or the
// first few.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace i2::sim {

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t count = 1;

  [[nodiscard]] static Seeds from_environment(std::uint64_t usual) {
    constexpr std::uint64_t kInARound = 10'000;
    Seeds out{.first = 1, .count = usual};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment of a test
    if (const char* const round = std::getenv("I2_SOAK_ROUND"); round != nullptr) {
      out = {.first = 1 + kInARound * std::strtoull(round, nullptr, 10), .count = kInARound};
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment of a test
    if (const char* const text = std::getenv("I2_SIM_SEEDS"); text != nullptr) {
      const std::string_view all(text);
      const char* const end = text + all.size();
      const auto [colon, error] = std::from_chars(text, end, out.first);
      if (error != std::errc{} || colon == end || *colon != ':' ||
          std::from_chars(colon + 1, end, out.count).ptr != end) {
        ADD_FAILURE() << "I2_SIM_SEEDS is FIRST:COUNT, not " << all;
      }
    }
    return out;
  }
};

}  // namespace i2::sim
