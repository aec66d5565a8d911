#include <i2/stoq/bytes.h>

#include <algorithm>

#include "loopback.h"

namespace i2::stoq::test {
namespace {

Task<Result<std::string>> exchange(Connection connection, std::string service, std::string line) {
  I2_CO_TRY_VALUE(Stream stream, co_await open_bytes(connection, std::move(service)));
  I2_CO_TRY(co_await stream.write(Chunk(to_bytes(as_bytes(line))), true));
  std::string out;
  for (;;) {
    const auto chunk = co_await stream.read();
    if (!chunk) {
      co_return fail(explain(chunk.error()));
    }
    if (chunk->size() == 0) {
      co_return out;
    }
    out += as_text(chunk->view());
  }
}

Task<void> greet(Connection connection, Stream stream) {
  const auto request = co_await stream.read();
  if (request) {
    const std::string answer =
        "hello " + connection.peer().name + ", you said " + std::string(as_text(request->view()));
    (void)co_await stream.write(Chunk(to_bytes(as_bytes(answer))), true);
  }
}

class ByteServicesTest : public ::testing::Test {
 protected:
  ByteServicesTest() {
    ByteServices services;
    services.add("greet", greet);
    add_bench_services(services);
    services.attach(dispatcher_);
  }
  StreamDispatcher dispatcher_;
};

TEST_F(ByteServicesTest, ReachTheServiceNamed) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto answer = run(connection.executor(), exchange(connection, "greet", "good day"));
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(*answer, "hello alice, you said good day");
  EXPECT_EQ(run(connection.executor(), exchange(connection, "nobody", "")).error().code(),
            "stoq.refused");
  EXPECT_EQ(run(connection.executor(), exchange(connection, "", "")).error().code(),
            "stoq.service_name_invalid");
  EXPECT_EQ(
      run(connection.executor(), exchange(connection, std::string(129, 'a'), "")).error().code(),
      "stoq.service_name_invalid");
}

TEST_F(ByteServicesTest, NotForAnExpiredLeaf) {
  Loopback loopback(dispatcher_, {.expired_leaf = true});
  const auto connection = loopback.connect();
  EXPECT_EQ(run(connection.executor(), exchange(connection, "greet", "")).error().code(),
            "trust.leaf_expired");
}

TEST_F(ByteServicesTest, NotForALeafThatIsNotInTheLog) {
  Loopback loopback(dispatcher_, {.unlogged_leaf = true});
  const auto connection = loopback.connect();
  EXPECT_EQ(run(connection.executor(), exchange(connection, "greet", "")).error().code(),
            "trust.sct_missing");
}

TEST_F(ByteServicesTest, EchoReturnsEverything) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  std::string line;
  for (int i = 0; i < 200'000; ++i) {
    line += std::to_string(i);
  }
  const auto answer = run(connection.executor(), exchange(connection, "bench.echo", line));
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(*answer, line);
}

TEST_F(ByteServicesTest, UploadCountsWhatTheReceiverGot) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  for (const std::size_t streams : {1, 8}) {
    const auto report =
        run(connection.executor(), bench_upload(connection, streams, 300 * kMillisecond));
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_EQ(report->streams, streams);
    EXPECT_GE(report->seconds, 0.3);
    EXPECT_GT(report->acknowledged_bytes, 0u);
    EXPECT_EQ(report->acknowledged_bytes % (1024 * 1024), 0u);
    EXPECT_GT(report->cpu_seconds_local, 0.0);
    EXPECT_GT(report->cpu_seconds_remote, 0.0);
    RecordProperty("upload_gbps_" + std::to_string(streams), std::to_string(report->gbps()));
  }
}

TEST_F(ByteServicesTest, DownloadAndEchoMeasure) {
  Loopback loopback(dispatcher_);
  const auto connection = loopback.connect();
  const auto report = run(connection.executor(), bench_download(connection, 2, 300 * kMillisecond));
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_GE(report->seconds, 0.3);
  EXPECT_GT(report->acknowledged_bytes, 1024u * 1024);
  auto trips = run(connection.executor(), bench_echo(connection, 100 * kMillisecond));
  ASSERT_TRUE(trips) << trips.error().to_string();
  ASSERT_GT(trips->size(), 10u);
  std::ranges::sort(*trips);
  EXPECT_GT(trips->front(), 0u);
  RecordProperty("download_gbps", std::to_string(report->gbps()));
  RecordProperty("echo_p50_ns", std::to_string((*trips)[trips->size() / 2]));
}

}  // namespace
}  // namespace i2::stoq::test
