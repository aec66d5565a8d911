// A directory for one test, gone with the object; in memory where the system offers that.
#pragma once

#include <gtest/gtest.h>
#include <i2/base/error.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace i2::trustchain::testing {

namespace fs = std::filesystem;

class TempDir {
 public:
  TempDir() {
    const bool memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    std::string name =
        (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "i2-trust-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  fs::path operator/(std::string_view name) const { return path_ / name; }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

template <class T>
std::string code(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

}  // namespace i2::trustchain::testing
