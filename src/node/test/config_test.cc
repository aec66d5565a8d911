#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/node/config_keeper.h>
#include <i2/node/suggest.h>
#include <i2/node/units.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
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
  // "line: code" of every problem, "line: warning: code" of a warning.
  static std::vector<std::string> problems_of(const ConfigSources& sources) {
    const auto config = load_config(sources);
    std::vector<std::string> out;
    for (const ConfigProblem& problem : config ? config->warnings : config.error()) {
      const std::string where = problem.where.substr(problem.where.find_last_of("/:") + 1);
      const bool warning = problem.severity == ConfigProblem::Severity::kWarning;
      out.push_back(where + (warning ? ": warning: " : ": ") + problem.error.code());
    }
    return out;
  }

  fs::path folder_;
};

// Every default, written out as a flag, gives the configuration that nothing gives.
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
  EXPECT_EQ(defaults->config.bind.to_string(), "[::]:9292");
  EXPECT_THAT(written->warnings, testing::IsEmpty());
  const ConfigChanges changes = compare(*defaults, *written);
  EXPECT_THAT(changes.live, testing::IsEmpty());
  EXPECT_THAT(changes.restart, testing::IsEmpty());
  const Config& a = defaults->config;
  const Config& b = written->config;
  EXPECT_EQ(a.bind, b.bind);
  EXPECT_EQ(a.drain_timeout, b.drain_timeout);
  EXPECT_EQ(a.open_files, b.open_files);
  EXPECT_EQ(a.workers, b.workers);
  EXPECT_EQ(a.cpu_affinity, b.cpu_affinity);
  EXPECT_EQ(a.idle_timeout, b.idle_timeout);
  EXPECT_EQ(a.handshake_timeout, b.handshake_timeout);
  EXPECT_EQ(a.congestion, b.congestion);
  EXPECT_EQ(a.connection_window, b.connection_window);
  EXPECT_EQ(a.stream_window, b.stream_window);
  EXPECT_EQ(a.streams_max, b.streams_max);
  EXPECT_EQ(a.datagram_size_max, b.datagram_size_max);
  EXPECT_EQ(a.socket_buffer, b.socket_buffer);
  EXPECT_EQ(a.connections_max, b.connections_max);
  EXPECT_EQ(a.renew_certificates, b.renew_certificates);
  EXPECT_EQ(a.production_checks, b.production_checks);
  EXPECT_EQ(a.log_level, b.log_level);
  EXPECT_EQ(a.log_format, b.log_format);
  EXPECT_EQ(a.log_rate, b.log_rate);
  EXPECT_EQ(a.qlog_files_max, b.qlog_files_max);
  EXPECT_EQ(a.qlog_size_max, b.qlog_size_max);
  EXPECT_EQ(a.detailed_metrics, b.detailed_metrics);
  EXPECT_EQ(a.metrics_interval, b.metrics_interval);
}

TEST_F(ConfigTest, ReadsEverySetting) {
  const auto loaded = load_config(with_file(R"(
[node]
data_dir = "data"
inbox = "/srv/inbox"
socket = "/run/i2.sock"
drain_timeout = "250ms"
name = "alpha"
user = "internet2"
open_files = 5000
[deployment]
mode = "production"
production_security = true
[transport]
bind_address = "fd00::7"
port = 443
workers = 3
cpu_affinity = true
idle_timeout = "1m"
handshake_timeout = "3s"
congestion = "bbr"
connection_window = "16MiB"
stream_window = "512KiB"
streams_max = 99
datagram_size_max = "1200B"
socket_buffer = "1MiB"
[performance]
max_concurrent_connections = 77
[certificates]
auto_cert_renewal = false
[hypermesh.consensus]
mandatory_four_proof = false
[logging]
level = "debug"
format = "json"
rate_limit = 5
enable_detailed_metrics = true
qlog_dir = "/tmp/qlog"
qlog_files_max = 3
qlog_size_max = "1MiB"
[telemetry]
interval = "250ms"
)"));
  ASSERT_TRUE(loaded) << loaded.error().front().to_string();
  EXPECT_THAT(loaded->warnings, testing::IsEmpty());
  const Config& config = loaded->config;
  EXPECT_EQ(config.data_dir, folder_ / "data");
  EXPECT_EQ(config.inbox_path(), "/srv/inbox");
  EXPECT_EQ(config.socket_path(), "/run/i2.sock");
  EXPECT_EQ(config.drain_timeout, 250 * kMillisecond);
  EXPECT_EQ(config.name, "alpha");
  EXPECT_EQ(config.user, "internet2");
  EXPECT_EQ(config.open_files, 5000u);
  EXPECT_EQ(config.intended_mode, "production");
  EXPECT_TRUE(config.production_checks);
  EXPECT_EQ(config.bind.to_string(), "[fd00::7]:443");
  EXPECT_EQ(config.workers, 3u);
  EXPECT_TRUE(config.cpu_affinity);
  EXPECT_EQ(config.idle_timeout, 60 * kSecond);
  EXPECT_EQ(config.handshake_timeout, 3 * kSecond);
  EXPECT_EQ(config.congestion, stoq::core::CongestionControl::kBbr);
  EXPECT_EQ(config.connection_window, 16u << 20);
  EXPECT_EQ(config.stream_window, 512u << 10);
  EXPECT_EQ(config.streams_max, 99u);
  EXPECT_EQ(config.datagram_size_max, 1200u);
  EXPECT_EQ(config.socket_buffer, 1u << 20);
  EXPECT_EQ(config.connections_max, 77u);
  EXPECT_FALSE(config.renew_certificates);
  EXPECT_TRUE(config.proofs_optional);
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
  EXPECT_EQ(config.log_format, LogFormat::kJson);
  EXPECT_EQ(config.log_rate, 5u);
  EXPECT_TRUE(config.detailed_metrics);
  EXPECT_EQ(config.qlog_dir, "/tmp/qlog");
  EXPECT_EQ(config.qlog_files_max, 3u);
  EXPECT_EQ(config.qlog_size_max, 1u << 20);
  EXPECT_EQ(config.metrics_interval, 250 * kMillisecond);
}

TEST_F(ConfigTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  ConfigSources sources = with_file("[transport]\nport = 1001\nworkers = 2\nidle_timeout = \"9s\"");
  sources.environment = {{"I2_PORT", "1002"}, {"I2_WORKERS", "4"}, {"I2_BIND", ""}};
  sources.flags = {{"transport", "port", "--port", "1003"}};
  const auto config = load_config(sources);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->config.bind.to_string(), "[::]:1003");
  EXPECT_EQ(config->config.workers, 4u);
  EXPECT_EQ(config->config.idle_timeout, 9 * kSecond);
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

TEST_F(ConfigTest, OtherNamesOfASettingMustAgree) {
  const auto config = load_config(
      with_file("[global]\nport = 443\nserver_id = \"alpha\"\nmax_connections = 5\n"
                "[transport]\nport = 443\n"
                "[stoq.quic]\ncongestion_control = \"bbr2\"\nidle_timeout = \"120s\"\n"));
  ASSERT_TRUE(config) << config.error().front().to_string();
  EXPECT_EQ(config->config.bind.port, 443);
  EXPECT_EQ(config->config.name, "alpha");
  EXPECT_EQ(config->config.connections_max, 5u);
  EXPECT_EQ(config->config.congestion, stoq::core::CongestionControl::kBbr);
  EXPECT_EQ(config->config.idle_timeout, 120 * kSecond);

  const ConfigSources two = with_file("[global]\nport = 443\n[transport]\nport = 9292\n");
  EXPECT_THAT(problems_of(two), ElementsAre("4: config.conflict"));
  EXPECT_THAT(load_config(two).error().front().to_string(), HasSubstr("node.toml:2 sets to 443"));
}

TEST_F(ConfigTest, WhatIsFixedCanOnlyBeSaidAsItIs) {
  EXPECT_THAT(problems_of(with_file("[transport]\nenable_ipv6_only = true\n"
                                    "[trustchain.ca]\nrotation_interval = \"1d\"\n"
                                    "[security]\nfalcon_variant = \"Falcon1024\"\n")),
              testing::IsEmpty());
  EXPECT_THAT(problems_of(with_file("[transport]\nenable_ipv6_only = false\n"
                                    "[trustchain.ca]\nrotation_interval = \"1h\"\n"
                                    "[security]\nfalcon_variant = \"Falcon512\"\n")),
              ElementsAre("2: config.fixed", "4: config.fixed", "6: config.fixed"));
}

TEST_F(ConfigTest, WhatIsNotThereIsSaid) {
  // Off is what it is; on is a warning, and a refusal where it would be a protection.
  EXPECT_THAT(problems_of(with_file("[extensions]\nenable_packet_sharding = false\n"
                                    "[hypermesh.consensus]\nmandatory_four_proof = false\n")),
              testing::IsEmpty());
  EXPECT_THAT(problems_of(with_file("[extensions]\nenable_packet_sharding = true\n"
                                    "[hypermesh.consensus]\nvalidation_timeout = \"100ms\"\n"
                                    "[stoq.performance]\nmemory_pool_size = 2048\n")),
              ElementsAre("2: warning: config.not_available", "4: warning: config.not_available",
                          "6: warning: config.no_effect"));
  const ConfigSources promise =
      with_file("[hypermesh.consensus]\nmandatory_four_proof = true\nvalidation_timeout = 100\n");
  EXPECT_THAT(problems_of(promise), ElementsAre("3: config.type", "2: config.not_available"));
  EXPECT_THAT(load_config(promise).error().back().to_string(),
              HasSubstr("mandatory_four_proof = true: not available yet: the four proofs"));
}

// The files of the documents this program is built after, line for line.
TEST_F(ConfigTest, EveryKeyOfTheDocumentsFilesIsKnown) {
  const auto production = problems_of(with_file(R"([global]
bind_address = "::"
port = 443
[stoq.performance]
target_throughput_gbps = 40.0
enable_zero_copy = true
enable_hardware_acceleration = true
[hypermesh.consensus]
mandatory_four_proof = true
validation_timeout = "100ms"
[trustchain.ca]
ca_mode = "embedded"
enable_auto_rotation = true
[trustchain.dns]
dns_mode = "embedded"
)"));
  EXPECT_THAT(production, ElementsAre("5: warning: config.not_available", "9: config.not_available",
                                      "10: warning: config.not_available",
                                      "15: warning: config.not_available"));
  const auto transport = problems_of(with_file(R"([transport]
bind_address = "::"
port = 9292
enable_ipv6_only = true
[security]
enable_falcon_crypto = true
falcon_variant = "Falcon1024"
enable_tls_13 = true
[certificates]
enable_trustchain_integration = true
cert_rotation_hours = 24
auto_cert_renewal = true
[extensions]
enable_packet_tokenization = true
enable_packet_sharding = true
enable_multi_hop_routing = false
enable_seeding_protocol = false
[performance]
enable_zero_copy = true
enable_memory_pool = true
max_concurrent_connections = 10000
[logging]
level = "info"
enable_detailed_metrics = false
)"));
  EXPECT_THAT(transport, ElementsAre("14: warning: config.not_available",
                                     "15: warning: config.not_available"));
}

TEST_F(ConfigTest, SuggestsTheSectionThatHasTheKey) {
  const auto config = load_config(with_file("[node]\nidle_timeout = \"9s\"\n[stoq.qiuc]\nx = 1\n"));
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().front().to_string(),
              HasSubstr("[node] has no key 'idle_timeout'; [transport] has one"));
  EXPECT_THAT(config.error().back().to_string(), HasSubstr("did you mean 'stoq.quic'?"));
}

TEST_F(ConfigTest, EnvironmentOfTheContainer) {
  const auto config =
      load_config({.file = {}, .environment = {{"STOQ_LOG_LEVEL", "error"}}, .flags = {}});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->config.log_level, LogLevel::kError);
  const auto both =
      load_config({.file = {},
                   .environment = {{"STOQ_LOG_LEVEL", "error"}, {"I2_LOG_LEVEL", "debug"}},
                   .flags = {}});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->config.log_level, LogLevel::kDebug);
}

TEST_F(ConfigTest, ShowSaysWhereAValueComesFrom) {
  ConfigSources sources = with_file("[transport]\n\nidle_timeout = \"9s\"\n[global]\nport = 7\n");
  sources.environment = {{"I2_WORKERS", "2"}};
  const auto config = load_config(sources);
  ASSERT_TRUE(config);
  const std::string text = to_toml(*config, true);
  const std::string file = (folder_ / "node.toml").string();
  EXPECT_THAT(text, testing::ContainsRegex("port = 7 +# " + file + ":5\n"));
  EXPECT_THAT(text, testing::ContainsRegex("idle_timeout = \"9s\" +# " + file + ":3\n"));
  EXPECT_THAT(text, testing::ContainsRegex("workers = 2 +# I2_WORKERS\n"));
  EXPECT_THAT(text, testing::ContainsRegex("level = \"info\" +# default\n"));

  // What is shown is a configuration again, the same one.
  const auto again = load_config(with_file(to_toml(*config, false)));
  ASSERT_TRUE(again) << again.error().front().to_string();
  const ConfigChanges changes = compare(*config, *again);
  EXPECT_THAT(changes.live, testing::IsEmpty());
  EXPECT_THAT(changes.restart, testing::IsEmpty());
}

TEST_F(ConfigTest, ReloadAppliesWhatItCanAndNamesTheRest) {
  const ConfigSources sources = with_file("[logging]\nlevel = \"info\"\n[transport]\nport = 1\n");
  std::vector<LogLevel> levels;
  ConfigKeeper keeper(sources, *load_config(sources),
                      [&](const Config& now) { levels.push_back(now.log_level); });
  (void)with_file("[logging]\nlevel = \"debug\"\n[transport]\nport = 2\n");
  const auto first = keeper.reload();
  ASSERT_TRUE(first);
  EXPECT_THAT(first->changes.live, ElementsAre("[logging] level"));
  EXPECT_THAT(first->changes.restart, ElementsAre("[transport] port"));
  EXPECT_EQ(keeper.config().bind.port, 1);
  EXPECT_EQ(keeper.config().log_level, LogLevel::kDebug);
  // The port still waits for a restart; the level is no change any more.
  const auto second = keeper.reload();
  ASSERT_TRUE(second);
  EXPECT_THAT(second->changes.live, testing::IsEmpty());
  EXPECT_THAT(second->changes.restart, ElementsAre("[transport] port"));

  (void)with_file("[logging]\nlevel = \"error\"\nformt = \"json\"\n");
  const auto bad = keeper.reload();
  ASSERT_FALSE(bad);
  EXPECT_EQ(keeper.config().log_level, LogLevel::kDebug);
  EXPECT_THAT(levels, ElementsAre(LogLevel::kDebug, LogLevel::kDebug));
}

// I2_WRITE_DOCS=1 in the environment writes the tables instead of comparing them.
TEST_F(ConfigTest, TheReferenceIsThatOfTheTable) {
  const fs::path path = fs::path(I2_SOURCE_DIR) / "docs/reference/config.md";
  std::stringstream page;
  page << std::ifstream(path).rdbuf();
  const std::string text = page.str();
  constexpr std::string_view kMark = "(a test compares them). -->\n";
  const std::size_t mark = text.find(kMark);
  ASSERT_NE(mark, text.npos);
  const std::string wanted = text.substr(0, mark + kMark.size()) + "\n" + settings_reference();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  if (std::getenv("I2_WRITE_DOCS") != nullptr) {
    std::ofstream(path) << wanted;
  } else {
    EXPECT_EQ(text, wanted) << "run it with I2_WRITE_DOCS=1";
  }
}

TEST_F(ConfigTest, Acme) {
  const auto off = load_config({});
  ASSERT_TRUE(off);
  EXPECT_FALSE(off->config.acme.enabled);
  EXPECT_EQ(off->config.acme.http_port, 80);
  EXPECT_EQ(off->config.acme.tls_port, 443);
  const auto on =
      load_config(with_file("[trustchain.acme]\nenabled = true\n"
                            "base_url = \"https://ca.home.example/acme\"\n"
                            "names = \"home.example lab.example\"\n"
                            "external_account_required = true\n"
                            "caa_identities = \"ca.home.example\"\n"
                            "resolver = \"[fd00::53]:53\"\nhosts_file = \"hosts\"\n"
                            "http_port = 8080\ntls_port = 8443\n"));
  ASSERT_TRUE(on);
  const AcmeConfig& acme = on->config.acme;
  EXPECT_TRUE(acme.enabled && acme.external_account_required);
  EXPECT_EQ(acme.base_url, "https://ca.home.example/acme");
  EXPECT_EQ(acme.names, "home.example lab.example");
  EXPECT_EQ(acme.caa_identities, "ca.home.example");
  EXPECT_EQ(acme.resolver, "[fd00::53]:53");
  EXPECT_EQ(acme.hosts_file, folder_ / "hosts");
  EXPECT_EQ(acme.http_port, 8080);
  EXPECT_EQ(acme.tls_port, 8443);
  EXPECT_THAT(problems_of(with_file("[trustchain.acme]\nenabled = \"yes\"\nhttp_port = 0\n")),
              ElementsAre("2: config.type", "3: config.value"));
}

// What a start would say of them, with the line and the key.
TEST_F(ConfigTest, AcmeValuesAreJudgedBeforeTheStart) {
  const auto said = [this](const std::string& line) {
    const auto config = load_config(with_file("[trustchain.acme]\n" + line + "\n"));
    return config ? "ok" : config.error().front().to_string();
  };
  for (const auto& [line, wanted] : std::initializer_list<std::pair<std::string, std::string>>{
           {"names = \"home.example ho_me\"",
            ":2: [trustchain.acme] names: 'ho_me' is no domain, like \"home.example\" "
            "[acme.options_invalid]"},
           {"base_url = \"https://ca.example\"",
            ":2: [trustchain.acme] base_url: 'https://ca.example' does not end with /acme "
            "[acme.options_invalid]"},
           {"base_url = \"http://ca.example/acme\"",
            ":2: [trustchain.acme] base_url: the address of the ACME server is https://, "},
           {"resolver = \"127.0.0.1:53\"", ":2: [trustchain.acme] resolver: the DNS server: "},
           {"resolver = \"dns.example\"", ":2: [trustchain.acme] resolver: the DNS server: "},
           {"caa_identities = \"ca.example a;b\"",
            ":2: [trustchain.acme] caa_identities: 'a;b' is no domain that CAA records name "}}) {
    EXPECT_THAT(said(line), HasSubstr(wanted)) << line;
  }
  for (const char* const line :
       {"names = \"*.home.example, lab.example\"", "names = \"\"", "base_url = \"\"",
        "resolver = \"\"", "resolver = \"fd00::53\"", "caa_identities = \"\""}) {
    EXPECT_EQ(said(line), "ok") << line;
  }
  // All at once, and one that is off is judged, too.
  EXPECT_THAT(problems_of(with_file("[trustchain.acme]\nenabled = false\nnames = \"..\"\n"
                                    "resolver = \"x\"\n")),
              ElementsAre("3: acme.options_invalid", "4: acme.options_invalid"));
}

TEST_F(ConfigTest, AcmeNeedsAnAddressThatStays) {
  const std::string text = "[trustchain.acme]\nenabled = true\n";
  const std::string any_port = text + "[transport]\nport = 0\n";
  EXPECT_THAT(problems_of(with_file(text)), testing::IsEmpty());
  EXPECT_THAT(problems_of(with_file(any_port)), ElementsAre("2: acme.options_invalid"));
  EXPECT_THAT(problems_of(with_file(any_port + "[gateway]\nport = 443\n")), testing::IsEmpty());
  EXPECT_THAT(problems_of(with_file(text + "base_url = \"https://ca.example/acme\"\n"
                                           "[transport]\nport = 0\n")),
              testing::IsEmpty());
}

TEST_F(ConfigTest, TheShippedFilesAreClean) {
  for (const char* const name : {"development", "production", "gateway", "stoq"}) {
    const auto config =
        load_config({.file = fs::path(I2_SOURCE_DIR) / "config" / (std::string(name) + ".toml"),
                     .environment = {},
                     .flags = {}});
    ASSERT_TRUE(config) << config.error().front().to_string();
    EXPECT_THAT(config->warnings, testing::IsEmpty()) << name;
  }
}

TEST(Settings, EveryRowIsComplete) {
  std::set<std::string> names;
  std::set<std::string> variables;
  for (const Setting& setting : settings()) {
    const std::string name = std::string(setting.section) + "." + std::string(setting.key);
    EXPECT_TRUE(names.insert(name).second) << name;
    if (!setting.environment.empty()) {
      EXPECT_TRUE(variables.insert(std::string(setting.environment)).second) << name;
    }
    const bool applied =
        setting.standing == Standing::kLive || setting.standing == Standing::kRestart;
    EXPECT_NE(applied, !setting.note.empty()) << name;
    EXPECT_TRUE(!applied || !setting.meaning.empty()) << name;
    if (setting.standing == Standing::kAlias) {
      const std::string target(setting.note);
      const auto found = std::ranges::find_if(settings(), [&](const Setting& other) {
        return "[" + std::string(other.section) + "] " + std::string(other.key) == target;
      });
      ASSERT_NE(found, settings().end()) << name;
      EXPECT_EQ(found->type, setting.type) << name;
    }
  }
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
