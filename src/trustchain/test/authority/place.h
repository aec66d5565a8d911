// A directory for one test, gone with the object; in memory where the system offers that.
#pragma once

#include <gtest/gtest.h>
#include <i2/base/error.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace i2::trustchain::testing {

class Place {
 public:
  Place() {
    const bool memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    std::string name = memory ? "/dev/shm/i2-ca-XXXXXX" : "/tmp/i2-ca-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path database() const { return path_ / "issued"; }

 private:
  std::filesystem::path path_;
};

template <class T>
std::string code(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

}  // namespace i2::trustchain::testing
