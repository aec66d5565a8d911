// A process that a test kills at any moment.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

namespace i2::trustchain::testing {

// Of an environment variable.
inline std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Killed {
  std::string lines;  // that it had written, whole ones
  int status = 0;     // as of waitpid()
};

// Runs a program and kills it after so many lines and so much more time.
inline Killed run_and_kill(std::vector<std::string> words, std::size_t lines, unsigned later_us) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawn(&pid, arguments.front(), &actions, nullptr, arguments.data(), environ),
            0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  const auto read_some = [&] {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(ends[0], buffer.data(), buffer.size());
    text.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return size > 0;
  };
  while (static_cast<std::size_t>(std::ranges::count(text, '\n')) < lines && read_some()) {
  }
  // Any moment will do: this is what the tests are about.
  ::usleep(later_us);
  ::kill(pid, SIGKILL);
  Killed out;
  EXPECT_EQ(::waitpid(pid, &out.status, 0), pid);
  while (read_some()) {
  }
  ::close(ends[0]);
  out.lines = text.substr(0, text.rfind('\n') + 1);
  return out;
}

}  // namespace i2::trustchain::testing
