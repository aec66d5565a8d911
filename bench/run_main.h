// What every program here does with an exception: its text and exit code 1.
#pragma once

#include <cstdio>
#include <exception>

namespace i2::bench {

template <class Body>
int run_main(const char* name, Body body) {
  try {
    return body();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", name, failure.what());
    return 1;
  }
}

}  // namespace i2::bench
