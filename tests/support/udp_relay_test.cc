#include "udp_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

namespace i2::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

sockaddr_in6 loopback() {
  return parse_address("[::1]:0").value();
}

// A socket on loopback whose receive() gives up after five seconds.
class Peer {
 public:
  Peer() : fd_(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const timeval deadline{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    address_ = loopback();
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { close(fd_); }

  void send(const sockaddr_in6& to, std::string_view text) const {
    EXPECT_EQ(
        sendto(fd_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
        static_cast<ssize_t>(text.size()));
  }
  // The next datagram, and in `from` who sent it; "timeout" when there is none.
  std::string receive(sockaddr_in6* from = nullptr) const {
    std::string text(65'536, '\0');
    sockaddr_in6 source{};
    socklen_t size = sizeof source;
    const ssize_t got =
        recvfrom(fd_, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&source), &size);
    if (from != nullptr) {
      *from = source;
    }
    if (got < 0) {
      return "timeout";
    }
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
  [[nodiscard]] const sockaddr_in6& address() const { return address_; }

 private:
  int fd_;
  sockaddr_in6 address_{};
};

// A relay in a thread of its own.
class Running {
 public:
  Running(const Peer& target, const Impairment& impairment, std::uint64_t seed = 1)
      : relay_(UdpRelay::create({.listen = loopback(),
                                 .target = target.address(),
                                 .impairment = impairment,
                                 .seed = seed})
                   .value()),
        thread_([this] { EXPECT_TRUE(relay_->run()); }) {}
  ~Running() { stop(); }
  void stop() {
    if (thread_.joinable()) {
      relay_->stop();
      thread_.join();
    }
  }
  UdpRelay& operator*() { return *relay_; }
  UdpRelay* operator->() { return relay_.get(); }

 private:
  std::unique_ptr<UdpRelay> relay_;
  std::thread thread_;
};

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

TEST(Impairer, TheSeedDecides) {
  const Impairment bad{.loss = 0.3, .duplicate = 0.3, .corrupt = 0.3, .delay = 5, .jitter = 1'000};
  const auto draw = [&](std::uint64_t seed) {
    Impairer impairer(bad, seed);
    std::vector<Fate> fates;
    for (int i = 0; i < 200; ++i) {
      fates.push_back(impairer.next(100));
    }
    return fates;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
}

TEST(Impairer, FrequenciesAndDelaysAreThoseAskedFor) {
  Impairer impairer({.loss = 0.1, .duplicate = 0.2, .corrupt = 0.05, .delay = 100, .jitter = 50},
                    3);
  constexpr int kDraws = 100'000;
  int lost = 0;
  int doubled = 0;
  int corrupted = 0;
  Duration shortest = kNever;
  Duration longest = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Fate fate = impairer.next(10);
    lost += fate.copies == 0 ? 1 : 0;
    doubled += fate.copies == 2 ? 1 : 0;
    corrupted += fate.flipped_bit ? 1 : 0;
    ASSERT_LT(fate.flipped_bit.value_or(0), 80U);
    shortest = std::min(shortest, fate.delays[0]);
    longest = std::max(longest, fate.delays[0]);
  }
  EXPECT_NEAR(lost, kDraws * 0.1, 500);
  EXPECT_NEAR(doubled, kDraws * 0.9 * 0.2, 500);
  EXPECT_NEAR(corrupted, kDraws * 0.9 * 0.05, 500);
  EXPECT_EQ(shortest, 100U);
  EXPECT_EQ(longest, 149U);
}

TEST(Address, ReadsAndWrites) {
  EXPECT_EQ(to_string(parse_address("[fd00::1]:4433").value()), "[fd00::1]:4433");
  for (const char* const bad : {"", "::1:80", "[::1]", "[::1]:", "[::1]:x", "[::1]:80x",
                                "[::1]:65536", "127.0.0.1:80", "[127.0.0.1]:80"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(Relay, ForwardsBothWaysAndKeepsClientsApart) {
  const Peer target;
  const Peer one;
  const Peer other;
  Running relay(target, {});
  one.send(relay->address(), "from one");
  sockaddr_in6 seen_one{};
  EXPECT_EQ(target.receive(&seen_one), "from one");
  other.send(relay->address(), "from other");
  sockaddr_in6 seen_other{};
  EXPECT_EQ(target.receive(&seen_other), "from other");
  EXPECT_NE(to_string(seen_one), to_string(seen_other));

  target.send(seen_other, "to other");
  target.send(seen_one, "to one");
  sockaddr_in6 from{};
  EXPECT_EQ(one.receive(&from), "to one");
  EXPECT_EQ(to_string(from), to_string(relay->address()));
  EXPECT_EQ(other.receive(), "to other");

  const std::string large(65'000, 'x');
  one.send(relay->address(), large);
  EXPECT_EQ(target.receive(), large);
  relay.stop();
  EXPECT_EQ(relay->metrics().get<"forwarded">().value(), 5U);
}

// What arrives is exactly what an Impairer with the same seed lets through.
TEST(Relay, LosesDuplicatesAndCorruptsAsTheSeedSays) {
  const Impairment bad{.loss = 0.3, .duplicate = 0.3, .corrupt = 0.3};
  const Peer target;
  const Peer client;
  Running relay(target, bad, 11);
  Impairer oracle(bad, 11);
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    std::string text = "datagram " + std::to_string(i);
    client.send(relay->address(), text);
    const Fate fate = oracle.next(text.size());
    if (fate.flipped_bit) {
      text[*fate.flipped_bit / 8] =
          static_cast<char>(text[*fate.flipped_bit / 8] ^ (1 << *fate.flipped_bit % 8));
    }
    expected.insert(expected.end(), fate.copies, text);
  }
  std::vector<std::string> received;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    received.push_back(target.receive());
  }
  EXPECT_EQ(received, expected);
  EXPECT_TRUE(eventually([&] { return relay->metrics().get<"received">().value() == 200; }));
  relay.stop();
  EXPECT_EQ(relay->metrics().get<"forwarded">().value(), expected.size());
  EXPECT_GT(relay->metrics().get<"lost">().value(), 30U);
  EXPECT_GT(relay->metrics().get<"duplicated">().value(), 30U);
  EXPECT_GT(relay->metrics().get<"corrupted">().value(), 30U);
}

TEST(Relay, DelaysEveryDatagram) {
  const Peer target;
  const Peer client;
  Running relay(target, {.delay = 30 * kMillisecond});
  const auto start = std::chrono::steady_clock::now();
  client.send(relay->address(), "late");
  EXPECT_EQ(target.receive(), "late");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
}

TEST(Relay, JitterReordersWithoutLosing) {
  const Peer target;
  const Peer client;
  Running relay(target, {.jitter = 20 * kMillisecond});
  std::vector<std::string> sent;
  std::vector<std::string> received;
  for (int i = 0; i < 50; ++i) {
    sent.push_back(std::to_string(i));
    client.send(relay->address(), sent.back());
  }
  for (int i = 0; i < 50; ++i) {
    received.push_back(target.receive());
  }
  EXPECT_NE(received, sent);
  std::ranges::sort(sent);
  std::ranges::sort(received);
  EXPECT_EQ(received, sent);
}

TEST(Relay, TheBlackHoleSwallowsEverythingUntilItCloses) {
  const Peer target;
  const Peer client;
  Running relay(target, {});
  relay->toggle_blackhole();
  client.send(relay->address(), "gone");
  ASSERT_TRUE(eventually([&] { return relay->metrics().get<"swallowed">().value() == 1; }));
  relay->toggle_blackhole();
  client.send(relay->address(), "back");
  EXPECT_EQ(target.receive(), "back");
}

TEST(Relay, AnAddressInUseIsAnError) {
  const Peer taken;
  const auto relay = UdpRelay::create({.listen = taken.address(), .target = taken.address()});
  ASSERT_FALSE(relay);
  EXPECT_TRUE(relay.error().is("test.system"));
  EXPECT_THAT(relay.error().message(), HasSubstr("cannot listen on " + to_string(taken.address())));
}

TEST(Program, ForwardsTogglesAndReports) {
  const Peer target;
  const Peer client;
  std::array<int, 2> output{};
  ASSERT_EQ(pipe(output.data()), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  std::string program = UDP_RELAY;
  std::string target_text = "--target=" + to_string(target.address());
  std::string flag = "--blackhole";
  std::array<char*, 4> arguments{program.data(), target_text.data(), flag.data(), nullptr};
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, UDP_RELAY, &actions, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);

  FILE* const out = fdopen(output[0], "r");
  std::array<char, 256> line{};
  ASSERT_NE(std::fgets(line.data(), line.size(), out), nullptr);
  std::string address(line.data());
  ASSERT_THAT(address, testing::StartsWith("listening [::1]:"));
  address = address.substr(10, address.size() - 11);
  // The signal is pending before the datagram exists, so the relay handles it before it takes that
  // one.
  kill(child, SIGUSR1);
  const sockaddr_in6 relay = parse_address(address).value();
  client.send(relay, "hello");
  EXPECT_EQ(target.receive(), "hello");
  kill(child, SIGTERM);
  ASSERT_NE(std::fgets(line.data(), line.size(), out), nullptr);
  EXPECT_THAT(line.data(), HasSubstr("\"forwarded\":1"));
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::fclose(out);
}

}  // namespace
}  // namespace i2::test
