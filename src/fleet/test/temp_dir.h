// Places and processes for tests of files.
#pragma once

#include <gtest/gtest.h>
#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace i2::fleet::testing {

namespace fs = std::filesystem;

// 2025-11-21; not a whole second, which certificates count in.
inline constexpr UnixMillis kNow = 1'763'700'000'789;
inline constexpr UnixMillis kHour = 3600ULL * 1000;

// A directory that is gone with the object; in memory where the system offers that.
class TempDir {
 public:
  TempDir() {
    const bool memory = ::access("/dev/shm", W_OK | X_OK) == 0;
    std::string name = (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "i2-XXXXXX";
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

inline mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

inline void overwrite(const fs::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
}

inline std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs `body` in a child process; its exit status, or -1 if it was killed.
inline int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace i2::fleet::testing
