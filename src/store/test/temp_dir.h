// A directory that is removed at the end of the test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace i2::store::testing {

class TempDir {
 public:
  TempDir() {
    std::string text = (std::filesystem::temp_directory_path() / "i2-store-XXXXXX").string();
    path_ = ::mkdtemp(text.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace i2::store::testing
