// An authority that is killed at any moment: nothing that it gave out or signed is unknown to it.
//
// I2_KILL_ROUNDS: how many kills (default 4). I2_KILL_SEED repeats a run; a failure prints it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/wire/text.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "place.h"

namespace i2::trustchain {
namespace {

using testing::kStart;
using testing::Place;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What a victim had written when it was killed: after so many lines, and so much later.
std::string run_and_kill(const std::filesystem::path& dir, std::size_t lines,
                         std::chrono::microseconds later) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::array<std::string, 3> words{I2_AUTHORITY_VICTIM, dir.string(), std::to_string(kStart)};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data()};
  pid_t pid = 0;
  EXPECT_EQ(::posix_spawn(&pid, I2_AUTHORITY_VICTIM, &actions, nullptr, arguments.data(), environ),
            0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  const auto read_some = [&] {
    const ssize_t size = ::read(ends[0], buffer.data(), buffer.size());
    text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return size > 0;
  };
  while (static_cast<std::size_t>(std::ranges::count(text, '\n')) < lines && read_some()) {
  }
  ::usleep(static_cast<useconds_t>(later.count()));
  ::kill(pid, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the victim ended by itself: " << status;
  while (read_some()) {
  }
  ::close(ends[0]);
  return text.substr(0, text.rfind('\n') + 1);
}

TEST(AuthorityKill, NothingSignedIsUnknown) {
  const auto seed = number_of("I2_KILL_SEED", std::random_device{}());
  const auto rounds = number_of("I2_KILL_ROUNDS", 4);
  SCOPED_TRACE("I2_KILL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Place place;
  std::size_t abandoned = 0;
  AuditLog::Head known;
  std::streamoff looked_at = 0;
  for (std::uint64_t round = 0; round < rounds || (abandoned == 0 && round < 50 * rounds);
       ++round) {
    std::istringstream said(
        run_and_kill(place.path(), random() % 100, std::chrono::microseconds(random() % 20'000)));
    auto store = CertificateStore::open(place.database(), kStart + round);
    ASSERT_TRUE(store) << store.error().to_string();
    abandoned += (*store)->abandoned();
    for (std::string word, serial; said >> word >> serial;) {
      const auto found = (*store)->find(*wire::from_hex(serial)).value();
      ASSERT_TRUE(found) << "round " << round << ": lost " << serial;
      ASSERT_EQ(found->state, RecordState::kIssued) << "round " << round << ": " << serial;
      if (word == "revoked") {
        ASSERT_TRUE(
            (*store)->revocation(found->intent.issuer_key_hash, found->intent.serial).value())
            << "round " << round << ": not revoked any more: " << serial;
      }
    }
    std::ifstream shown(place.path() / "signed");
    shown.seekg(looked_at);
    for (std::string serial; std::getline(shown, serial);) {
      looked_at += static_cast<std::streamoff>(serial.size() + 1);
      ASSERT_TRUE((*store)->find(*wire::from_hex(serial)).value())
          << "round " << round << ": signed and unknown: " << serial;
    }
    const auto head = verify_audit((*store)->database(), known);
    ASSERT_TRUE(head) << "round " << round << ": " << head.error().to_string();
    known = *head;
  }
  EXPECT_GT(abandoned, 0u) << "no kill came while something was under way";
}

}  // namespace
}  // namespace i2::trustchain
