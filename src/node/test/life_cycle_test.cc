// The parts of the daemon's life: layers, safety, the service manager, the log's rate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/node/log.h>
#include <i2/node/safety.h>
#include <i2/rt/clock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "../src/layers.h"
#include "../src/service_manager.h"
#include "../src/unix_socket.h"

namespace i2::node {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class FakeClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return now_; }
  [[nodiscard]] UnixMillis unix_now() const override { return 1'769'860'800'000; }
  Timestamp now_ = 5 * kSecond;
};

// What a logger has written.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] int in() const { return ends_[1]; }
  [[nodiscard]] std::string read() const {
    std::array<char, 65'536> buffer{};
    const ssize_t size = ::read(ends_[0], buffer.data(), buffer.size());
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : "";
  }

 private:
  std::array<int, 2> ends_{};
};

std::size_t lines_with(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

TEST(Log, WritesAnEventAtItsRateAndSaysWhatItLeftOut) {
  FakeClock clock;
  const Pipe pipe;
  const Logger log(clock, LogLevel::kInfo, LogFormat::kText, pipe.in(), 3);
  for (int i = 0; i < 10; ++i) {
    log.info("stoq", "often", "a frequent event");
    log.debug("stoq", "often", "below the level: not counted");
  }
  log.info("stoq", "seldom", "another event");
  log.report_suppressed();
  log.report_suppressed();
  const std::string first = pipe.read();
  EXPECT_EQ(lines_with(first, "often: a frequent event"), 3u);
  EXPECT_EQ(lines_with(first, "seldom: "), 1u);
  EXPECT_EQ(lines_with(first,
                       "log_suppressed: lines of a frequent event were left out of=often "
                       "lines=7"),
            1u)
      << first;
  EXPECT_EQ(log.suppressed(), 7u);
  EXPECT_EQ(log.written(), 5u);
  clock.now_ += kSecond;
  log.info("stoq", "often", "a frequent event");
  EXPECT_EQ(lines_with(pipe.read(), "often: "), 1u);
}

TEST(Log, ChangesWhileItRuns) {
  const FakeClock clock;
  const Pipe pipe;
  Logger log(clock, LogLevel::kError, LogFormat::kText, pipe.in());
  log.info("node", "quiet", "not written");
  log.set(LogLevel::kInfo, LogFormat::kJson, 0);
  log.info("node", "loud", "written", {{"peer", "a\nb"}});
  EXPECT_EQ(pipe.read(),
            "{\"time\":\"2026-01-31T12:00:00.000Z\",\"level\":\"info\",\"layer\":\"node\","
            "\"event\":\"loud\",\"message\":\"written\",\"peer\":\"a\\nb\"}\n");
}

class LayersTest : public testing::Test {
 protected:
  void add(const std::string& name, bool good = true) {
    layers_.add({.name = name,
                 .start = [this, name, good]() -> Result<void> {
                   calls_.push_back("start " + name);
                   if (!good) {
                     return fail("node.permission", "not allowed");
                   }
                   return {};
                 },
                 .stop = [this, name] { calls_.push_back("stop " + name); },
                 .health = {}});
  }

  const rt::SystemClock clock_;
  const Logger log_{clock_, LogLevel::kError, LogFormat::kText};
  Layers layers_;
  std::vector<std::string> calls_;
};

TEST_F(LayersTest, StartInOrderAndStopInReverse) {
  add("a");
  add("b");
  ASSERT_TRUE(layers_.start(log_));
  layers_.stop();
  layers_.stop();
  EXPECT_THAT(calls_, ElementsAre("start a", "start b", "stop b", "stop a"));
}

TEST_F(LayersTest, TheOneThatFailsIsNamedAndTheOthersStop) {
  add("a");
  add("b", false);
  add("c");
  const auto started = layers_.start(log_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().to_string(), "b: not allowed [node.permission]");
  EXPECT_THAT(calls_, ElementsAre("start a", "start b", "stop a"));
  EXPECT_THAT(layers_.health().layers, IsEmpty());
}

TEST_F(LayersTest, HealthIsThatOfTheLayers) {
  add("a");
  layers_.add({.name = "b",
               .start = [] { return Result<void>(); },
               .stop = {},
               .health =
                   [] {
                     return telemetry::LayerHealth{
                         .layer = {}, .health = telemetry::Health::kFailed, .reason = "broken"};
                   }});
  ASSERT_TRUE(layers_.start(log_));
  EXPECT_EQ(telemetry::to_json(layers_.health()),
            R"({"status":"failed","layers":{"a":{"status":"ok"},)"
            R"("b":{"status":"failed","reason":"broken"}}})");
  layers_.stop();
}

std::vector<std::string> reasons(const Config& config, Mode mode, const SafetyFacts& facts) {
  std::vector<std::string> out;
  for (const Error& reason : reasons_against(config, mode, facts)) {
    out.push_back(reason.to_string());
  }
  return out;
}

constexpr UnixMillis kToday = 1'769'860'800'000;

TEST(Safety, WhatIsSafeHasNoReasonAgainstIt) {
  Config config;
  config.intended_mode = "production";
  const SafetyFacts facts{.now = kToday, .data_dir_mode = 0700U, .config_file_mode = 0644U};
  EXPECT_THAT(reasons(config, Mode::kProduction, facts), IsEmpty());
}

TEST(Safety, EveryReasonIsSaidAtOnce) {
  Config config;
  config.data_dir = "/data";
  config.intended_mode = "development";
  config.proofs_optional = true;
  config.renew_certificates = false;
  config.http.open_loopback = true;
  config.acme.enabled = true;
  config.acme.http_port = 8080;
  const SafetyFacts facts{.runs_as_root = true,
                          .decides_alone = true,
                          .now = 0,
                          .data_dir_mode = 0750U,
                          .config_file_mode = 0666U,
                          .config_file_of_other = true};
  EXPECT_THAT(reasons(config, Mode::kProduction, facts),
              ElementsAre(HasSubstr("[node.mode_differs]"), HasSubstr("--federated"),
                          HasSubstr("mandatory_four_proof"), HasSubstr("auto_cert_renewal"),
                          HasSubstr("open_loopback"), HasSubstr("http_port"), HasSubstr("as root"),
                          HasSubstr("chmod 700 '/data'"), HasSubstr("can change the configuration"),
                          HasSubstr("belongs to another user"), HasSubstr("clock")));
  // A node under development may do all that, but not with a file for the other mode.
  config.intended_mode = "production";
  EXPECT_THAT(reasons(config, Mode::kDevelopment, facts),
              ElementsAre(HasSubstr("[node.mode_differs]")));
  config.intended_mode.clear();
  config.production_checks = true;
  EXPECT_THAT(reasons(config, Mode::kDevelopment, facts), SizeIs(10));
}

class ServiceManagerTest : public testing::Test {
 public:
  ~ServiceManagerTest() override {
    for (const char* const name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    }
  }

 protected:
  static void set(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  // A socket that a service manager would listen on.
  static Descriptor listen(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, static_cast<char*>(address.sun_path));
    if (name.front() == '@') {
      address.sun_path[0] = '\0';
    }
    Descriptor out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(out.get(), reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
              0);
    return out;
  }
  static std::string receive(const Descriptor& socket) {
    std::array<char, 1024> buffer{};
    const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : "";
  }
};

TEST_F(ServiceManagerTest, TellsASocketInTheFileSystem) {
  const std::string path = testing::TempDir() + "notify." + std::to_string(::getpid());
  const Descriptor socket = listen(path);
  set("NOTIFY_SOCKET", path);
  EXPECT_TRUE(ServiceManager::of_environment().tell("READY=1\nSTATUS=here"));
  EXPECT_EQ(receive(socket), "READY=1\nSTATUS=here");
  std::filesystem::remove(path);
}

TEST_F(ServiceManagerTest, TellsAnAbstractSocket) {
  const std::string name = "@i2-notify-" + std::to_string(::getpid());
  const Descriptor socket = listen(name);
  set("NOTIFY_SOCKET", name);
  EXPECT_TRUE(ServiceManager::of_environment().tell("STOPPING=1"));
  EXPECT_EQ(receive(socket), "STOPPING=1");
}

TEST_F(ServiceManagerTest, SaysNothingWhereNobodyListens) {
  EXPECT_FALSE(ServiceManager::of_environment().tell("READY=1"));
  for (const char* const name : {"relative/path", "vsock:2:1", "/no/such/socket"}) {
    set("NOTIFY_SOCKET", name);
    EXPECT_FALSE(ServiceManager::of_environment().tell("READY=1")) << name;
  }
}

TEST_F(ServiceManagerTest, TheWatchdogIsForThisProcessOnly) {
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), std::nullopt);
  set("WATCHDOG_USEC", "30000000");
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), 30 * kSecond);
  set("WATCHDOG_PID", "1");
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), std::nullopt);
  set("WATCHDOG_PID", std::to_string(::getpid()));
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), 30 * kSecond);
  set("WATCHDOG_USEC", "soon");
  EXPECT_EQ(ServiceManager::of_environment().watchdog(), std::nullopt);
}

}  // namespace
}  // namespace i2::node
