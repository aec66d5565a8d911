// An engine that is killed at any moment: nothing that it acknowledged is lost, nothing doubled.
//
// I2_KILL_ROUNDS: how many kills (default 12). I2_KILL_SEED repeats a run; a failure prints it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <i2/wire/text.h>
#include <spawn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <format>
#include <random>
#include <set>

#include "founded.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using testing::Founded;
using testing::kHour;
using testing::kNow;
using testing::TempDir;

constexpr std::size_t kPerRound = 6;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// A ledger_victim, killed after so many receipts and so much more time; what it had acknowledged.
class Victim {
 public:
  Victim(const fs::path& dir, const fs::path& operations) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const std::string time = std::to_string(kNow + kHour);
    std::array<std::string, 4> words{I2_LEDGER_VICTIM, dir.string(), operations.string(), time};
    std::array<char*, 5> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) {
      arguments[i] = words[i].data();
    }
    EXPECT_EQ(::posix_spawn(&pid_, I2_LEDGER_VICTIM, &actions, nullptr, arguments.data(), environ),
              0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Victim() { ::close(out_); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  // The lines it has written when it is dead.
  std::vector<std::string> kill_after(std::size_t lines, std::chrono::microseconds later) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (count() < lines && std::chrono::steady_clock::now() < until && read_some()) {
    }
    // Any moment will do: this is what the test is about.
    ::usleep(static_cast<useconds_t>(later.count()));
    ::kill(pid_, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    EXPECT_TRUE(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    while (read_some()) {
    }
    std::vector<std::string> out;
    std::size_t from = 0;
    for (auto end = text_.find('\n'); end != text_.npos; end = text_.find('\n', from)) {
      out.push_back(text_.substr(from, end - from));
      from = end + 1;
    }
    return out;
  }

 private:
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::ranges::count(text_, '\n'));
  }
  bool read_some() {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(out_, buffer.data(), buffer.size());
    if (size > 0) {
      text_.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return size > 0;
  }

  pid_t pid_ = 0;
  int out_ = -1;
  std::string text_;
};

// Operation number `nonce` of the operator says so in the state.
Bytes numbered(const Founded& home, std::uint64_t nonce) {
  return home.sign(home.operator_key, account_of(operator_id(home.operator_key.public_key())),
                   nonce, SetParameters{{.epoch_ms = 60'000 + nonce}});
}

TEST(Kill, NothingAcknowledgedIsLostAndNothingDoubled) {
  const auto seed = number_of("I2_KILL_SEED", std::random_device{}());
  const auto rounds = number_of("I2_KILL_ROUNDS", 12);
  SCOPED_TRACE(std::format("I2_KILL_SEED={}", seed));
  std::mt19937_64 random(seed);
  const TempDir temp;
  Founded home(temp / "alpha");
  const auto account = account_of(operator_id(home.operator_key.public_key()));
  std::vector<Bytes> open;  // submitted and not acknowledged
  std::uint64_t first = 0;  // nonce of the first of them
  std::size_t cut_off = 0;  // rounds in which some were not acknowledged
  // Until one kill has come while something was under way, which a few may all miss.
  for (std::uint64_t round = 0; round < rounds || (cut_off == 0 && round < 50 * rounds); ++round) {
    while (open.size() < kPerRound) {
      open.push_back(numbered(home, first + open.size()));
    }
    home.ledger.reset();
    std::ofstream file(temp / "operations", std::ios::trunc);
    for (const Bytes& operation : open) {
      file << to_hex(operation) << '\n';
    }
    file.close();
    Victim victim(home.data_dir, temp / "operations");
    const auto lines =
        victim.kill_after(random() % (kPerRound + 1), std::chrono::microseconds(random() % 8000));
    std::set<std::uint64_t> acknowledged;
    for (const std::string& line : lines) {
      ASSERT_FALSE(line.starts_with("error")) << line;
      acknowledged.insert(std::strtoull(line.c_str(), nullptr, 10));
    }
    home.open();
    ASSERT_NE(home.ledger, nullptr) << "round " << round;
    const FleetState state(home.ledger->chain()->state);
    const std::uint64_t ordered = state.account(account)->next_nonce;
    ASSERT_GE(ordered, first + acknowledged.size()) << "round " << round << ": one was lost";
    ASSERT_LE(ordered, first + open.size()) << "round " << round << ": one was doubled";
    if (ordered > 0) {
      ASSERT_EQ(state.parameters()->epoch_ms, 60'000 + ordered - 1) << "round " << round;
    }
    // Receipts come in order: what was acknowledged is the beginning.
    open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(acknowledged.size()));
    first += acknowledged.size();
    cut_off += open.empty() ? 0 : 1;
  }
  EXPECT_GT(cut_off, 0u) << "no kill came while something was under way";
}

}  // namespace
}  // namespace i2::fleet
