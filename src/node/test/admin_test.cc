#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/node/admin.h>
#include <i2/node/exit_code.h>
#include <i2/node/log.h>
#include <unistd.h>

#include <array>

namespace i2::node {
namespace {

TEST(AdminRequest, RoundTrip) {
  AdminRequest request{.verb = "ping", .args = {}};
  request.args["peer"] = std::string("be\"ta\n\xc3\xa9");
  request.args["count"] = std::int64_t{-3};
  request.args["wait"] = true;
  const std::string line = encode_request(request);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto read = parse_request(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->verb, "ping");
  EXPECT_EQ(read->args, request.args);
}

TEST(AdminRequest, RefusesWhatIsNotARequest) {
  for (const std::string& line : {
           std::string(""),
           std::string("hello"),
           std::string("[]"),
           std::string("{}"),
           std::string(R"({"verb":7})"),
           std::string(R"({"verb":""})"),
           std::string(R"({"verb":"Status"})"),
           std::string(R"({"verb":"status","more":1})"),
           std::string(R"({"verb":"status","args":[]})"),
           std::string(R"({"verb":"status","args":{"a":null}})"),
           std::string(R"({"verb":"status","args":{"a":1.5}})"),
           std::string(R"({"verb":"status","args":{"a":18446744073709551615}})"),
           std::string(R"({"verb":"status","args":{"a":{"b":1}}})"),
           std::string("{\"verb\":\"status\",\"args\":{\"a\":\"\xff\"}}"),
           std::string(R"({"verb":"status"} x)"),
           R"({"verb":")" + std::string(40, 'a') + R"("})",
           R"({"verb":"status","args":{"a":")" + std::string(kAdminLineMax, 'a') + R"("}})",
           std::string(20'000, '['),
       }) {
    const auto read = parse_request(line);
    ASSERT_FALSE(read) << line.substr(0, 100);
    EXPECT_EQ(read.error().code(), "admin.malformed") << line.substr(0, 100);
  }
}

TEST(AdminRequest, ArgumentsHaveTypesAndRanges) {
  const auto read =
      parse_request(R"({"verb":"ping","args":{"peer":"beta","count":3,"wait":true}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text("peer"), "beta");
  EXPECT_EQ(read->text("count").error().code(), "admin.argument");
  EXPECT_EQ(read->text("name").error().code(), "admin.argument");
  EXPECT_EQ(read->integer("count", 1, 1, 10), 3);
  EXPECT_EQ(read->integer("size", 7, 1, 10), 7);
  EXPECT_EQ(read->integer("count", 1, 4, 10).error().code(), "admin.argument");
  EXPECT_EQ(read->integer("peer", 1, 1, 10).error().code(), "admin.argument");
  EXPECT_EQ(read->flag("wait"), true);
  EXPECT_EQ(read->flag("quiet"), false);
  EXPECT_EQ(read->flag("peer").error().code(), "admin.argument");
}

TEST(AdminReply, RoundTrip) {
  const auto line_of = [](const std::string& text) { return text.substr(0, text.size() - 1); };
  const auto progress = parse_reply(line_of(encode_progress(R"({"bytes":1})")));
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->kind, AdminReply::Kind::kProgress);
  EXPECT_EQ(progress->json, R"({"bytes":1})");
  const auto result = parse_reply(line_of(encode_result("{}")));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->kind, AdminReply::Kind::kResult);
  const auto error = parse_reply(line_of(encode_error("stoq.unreachable", "a \"b\"\n\xff")));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, AdminReply::Kind::kError);
  EXPECT_EQ(error->code, "stoq.unreachable");
  EXPECT_EQ(error->message, "a \"b\"\n\xef\xbf\xbd");
  EXPECT_FALSE(parse_reply(R"({"error":"no"})"));
  EXPECT_FALSE(parse_reply("{}"));
}

TEST(ExitCodes, FollowTheContract) {
  EXPECT_EQ(exit_code("node.no_daemon"), ExitCode::kNoDaemon);
  EXPECT_EQ(exit_code("fleet.not_joined"), ExitCode::kNoDaemon);
  EXPECT_EQ(exit_code("stoq.unreachable"), ExitCode::kUnreachable);
  EXPECT_EQ(exit_code("trust.member_unknown"), ExitCode::kDenied);
  EXPECT_EQ(exit_code("node.timeout"), ExitCode::kTimeout);
  EXPECT_EQ(exit_code("file.no_space"), ExitCode::kExhausted);
  EXPECT_EQ(exit_code("file.hash_mismatch"), ExitCode::kIntegrity);
  EXPECT_EQ(exit_code("somebody.elses_code"), ExitCode::kFailure);
}

class FixedClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return 0; }
  [[nodiscard]] UnixMillis unix_now() const override { return 1'769'860'800'123; }
};

std::string logged(LogFormat format) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const FixedClock clock;
  const Logger log(clock, LogLevel::kInfo, format, ends[1]);
  log.debug("node", "hidden", "below the level");
  log.info("stoq", "peer_up", "a peer", {{"peer", "be ta"}, {"rtt_us", 412}, {"id", "abc"}});
  ::close(ends[1]);
  std::string out(4096, '\0');
  const ssize_t size = ::read(ends[0], out.data(), out.size());
  ::close(ends[0]);
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return out;
}

TEST(Log, Text) {
  EXPECT_EQ(logged(LogFormat::kText),
            "2026-01-31T12:00:00.123Z info    stoq peer_up: a peer peer=\"be ta\" rtt_us=412 "
            "id=abc\n");
}

TEST(Log, Json) {
  EXPECT_EQ(logged(LogFormat::kJson),
            R"({"time":"2026-01-31T12:00:00.123Z","level":"info","layer":"stoq",)"
            R"("event":"peer_up","message":"a peer","peer":"be ta","rtt_us":412,"id":"abc"})"
            "\n");
}

}  // namespace
}  // namespace i2::node
