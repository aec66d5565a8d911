#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/node/config.h>
#include <i2/node/suggest.h>
#include <i2/node/units.h>

#include <array>
#include <fstream>
#include <sstream>

namespace i2::node {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / ("config_test." + std::string(info->name()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] ConfigSources with_file(std::string_view text) const {
    std::ofstream(folder_ / "node.toml") << text;
    return {.file = folder_ / "node.toml", .environment = {}, .flags = {}};
  }
  // "line: code" of every problem.
  static std::vector<std::string> problems_of(const ConfigSources& sources) {
    std::vector<std::string> out;
    if (const auto config = load_config(sources); !config) {
      for (const ConfigProblem& problem : config.error()) {
        const std::string where = problem.where.substr(problem.where.find_last_of("/:") + 1);
        out.push_back(where + ": " + std::string(problem.error.code()));
      }
    }
    return out;
  }

  fs::path folder_;
};

TEST_F(ConfigTest, DefaultsAreWhatTheTableSays) {
  ConfigSources from_table;
  for (const Setting& setting : settings()) {
    if (!setting.default_value.empty()) {
      from_table.flags.push_back(
          {setting.section, setting.key, "--x", std::string(setting.default_value)});
    }
  }
  const auto defaults = load_config({});
  const auto written = load_config(from_table);
  ASSERT_TRUE(defaults && written);
  EXPECT_EQ(defaults->bind.to_string(), "[::]:9292");
  EXPECT_EQ(written->bind, defaults->bind);
  EXPECT_EQ(written->drain_timeout, defaults->drain_timeout);
  EXPECT_EQ(written->workers, defaults->workers);
  EXPECT_EQ(written->idle_timeout, defaults->idle_timeout);
  EXPECT_EQ(written->congestion, defaults->congestion);
  EXPECT_EQ(written->connection_window, defaults->connection_window);
  EXPECT_EQ(written->stream_window, defaults->stream_window);
  EXPECT_EQ(written->log_level, defaults->log_level);
  EXPECT_EQ(written->log_format, defaults->log_format);
}

TEST_F(ConfigTest, ReadsEverySetting) {
  const auto config = load_config(with_file(R"(
[node]
data_dir = "data"
inbox = "/srv/inbox"
socket = "/run/i2.sock"
drain_timeout = "250ms"
[transport]
bind_address = "fd00::7"
port = 443
workers = 3
idle_timeout = "1m"
congestion = "bbr"
connection_window = "16MiB"
stream_window = "512KiB"
[logging]
level = "debug"
format = "json"
)"));
  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->data_dir, folder_ / "data");
  EXPECT_EQ(config->inbox_path(), "/srv/inbox");
  EXPECT_EQ(config->socket_path(), "/run/i2.sock");
  EXPECT_EQ(config->drain_timeout, 250 * kMillisecond);
  EXPECT_EQ(config->bind.to_string(), "[fd00::7]:443");
  EXPECT_EQ(config->workers, 3);
  EXPECT_EQ(config->idle_timeout, 60 * kSecond);
  EXPECT_EQ(config->congestion, stoq::core::CongestionControl::kBbr);
  EXPECT_EQ(config->connection_window, 16u << 20);
  EXPECT_EQ(config->stream_window, 512u << 10);
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
  EXPECT_EQ(config->log_format, LogFormat::kJson);
}

TEST_F(ConfigTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  ConfigSources sources = with_file("[transport]\nport = 1001\nworkers = 2\nidle_timeout = \"9s\"");
  sources.environment = {{"I2_PORT", "1002"}, {"I2_WORKERS", "4"}, {"I2_BIND", ""}};
  sources.flags = {{"transport", "port", "--port", "1003"}};
  const auto config = load_config(sources);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->bind.to_string(), "[::]:1003");
  EXPECT_EQ(config->workers, 4);
  EXPECT_EQ(config->idle_timeout, 9 * kSecond);
}

TEST_F(ConfigTest, ReportsAllProblemsWithTheirLines) {
  ConfigSources sources = with_file(
      "port = 1\n"
      "[transport]\n"
      "prot = 9292\n"
      "port = \"9292\"\n"
      "workers = 1000\n"
      "idle_timeout = 30\n"
      "connection_window = \"eight\"\n"
      "[loggings]\n"
      "level = \"info\"\n");
  sources.environment = {{"I2_LOG_LEVEL", "loud"}};
  sources.flags = {{"transport", "bind_address", "--bind", "0.0.0.0"}};
  EXPECT_THAT(problems_of(sources), testing::UnorderedElementsAre(
                                        "1: config.section_unknown", "3: config.key_unknown",
                                        "4: config.type", "5: config.value", "6: config.type",
                                        "7: config.size_invalid", "8: config.section_unknown",
                                        "I2_LOG_LEVEL: config.value", "--bind: stoq.ipv4_refused"));
  const auto config = load_config(sources);
  std::string all;
  for (const ConfigProblem& problem : config.error()) {
    all += problem.to_string() + "\n";
  }
  EXPECT_THAT(all, HasSubstr("[transport] has no key 'prot'; did you mean 'port'?"));
  EXPECT_THAT(all, HasSubstr("'loggings' is no section of this program; did you mean 'logging'?"));
  EXPECT_THAT(all, HasSubstr("'port' stands outside of its section: write it below [transport]"));
}

TEST_F(ConfigTest, SyntaxErrorNamesItsLine) {
  EXPECT_THAT(problems_of(with_file("[node]\ndata_dir = \n")), ElementsAre("2: config.syntax"));
}

TEST_F(ConfigTest, MissingFileIsAProblem) {
  EXPECT_THAT(problems_of({.file = folder_ / "none.toml", .environment = {}, .flags = {}}),
              ElementsAre("none.toml: config.file_unreadable"));
}

TEST_F(ConfigTest, BindTakesAnAddressWithoutPort) {
  for (const auto& [text, code] : std::initializer_list<std::pair<std::string, std::string>>{
           {"127.0.0.1", "stoq.ipv4_refused"},
           {"::ffff:10.0.0.1", "stoq.ipv4_refused"},
           {"10.0.0.1:80", "stoq.ipv4_refused"},
           {"localhost", "stoq.address_malformed"},
           {"[::1]:9292", "config.value"}}) {
    EXPECT_THAT(problems_of({.file = {}, .environment = {{"I2_BIND", text}}, .flags = {}}),
                ElementsAre("I2_BIND: " + code))
        << text;
  }
}

TEST_F(ConfigTest, EverySettingIsDocumented) {
  std::ifstream in(fs::path(I2_SOURCE_DIR) / "docs/reference/config.md");
  std::stringstream page;
  page << in.rdbuf();
  for (const Setting& setting : settings()) {
    EXPECT_THAT(page.str(), HasSubstr("`" + std::string(setting.key) + "`"));
    EXPECT_THAT(page.str(), HasSubstr("`" + std::string(setting.environment) + "`"));
  }
}

TEST_F(ConfigTest, TheDevelopmentFileIsGood) {
  const auto config = load_config({.file = fs::path(I2_SOURCE_DIR) / "config/development.toml",
                                   .environment = {},
                                   .flags = {}});
  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->bind.to_string(), "[::]:9292");
}

TEST(Units, Sizes) {
  EXPECT_EQ(parse_size("64MiB"), 64u << 20);
  EXPECT_EQ(parse_size("1.5 KiB"), 1536u);
  EXPECT_EQ(parse_size("2GB"), 2'000'000'000u);
  EXPECT_EQ(parse_size("0B"), 0u);
  for (const char* const bad : {"", "64", "MiB", "-1B", "1mib", "1e400B", "nanB", "9999999TiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_size(64u << 20), "64 MiB");
}

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("100ms"), 100 * kMillisecond);
  EXPECT_EQ(parse_duration("1.5h"), 5'400 * kSecond);
  EXPECT_EQ(parse_duration("2d"), 172'800 * kSecond);
  for (const char* const bad : {"", "100", "ms", "-1s", "1 week", "1S"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  EXPECT_EQ(format_duration(412 * kMicrosecond), "412 us");
  EXPECT_EQ(format_duration(1'250 * kMicrosecond), "1.2 ms");
  EXPECT_EQ(format_duration(200 * kSecond), "3 min 20 s");
  EXPECT_EQ(format_duration(86'340 * kSecond), "23 h 59 min");
  EXPECT_EQ(format_time(1'769'860'800'123), "2026-01-31T12:00:00Z");
  EXPECT_EQ(format_time(1'769'860'800'123, true), "2026-01-31T12:00:00.123Z");
}

TEST(Suggest, FindsWhatWasMeant) {
  constexpr std::array<std::string_view, 4> kVerbs{"status", "peers", "path", "ping"};
  EXPECT_EQ(nearest("sttatus", kVerbs), "status");
  EXPECT_EQ(nearest("peer", kVerbs), "peers");
  EXPECT_EQ(nearest("stat", kVerbs), "status");
  EXPECT_EQ(nearest("wallet", kVerbs), "");
  EXPECT_EQ(nearest("", kVerbs), "");
  EXPECT_EQ(nearest(std::string(1000, 'a'), kVerbs), "");
}

}  // namespace
}  // namespace i2::node
