// The verbs that move data.
#include <i2/stoq/bytes.h>
#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/file_transfer.h>

#include <boost/asio/post.hpp>
#include <format>
#include <nlohmann/json.hpp>
#include <stop_token>

#include "datagram_bench.h"
#include "inbox.h"
#include "verbs.h"
#include "verbs_json.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

using nlohmann::json;

constexpr std::size_t kListMax = 10'000;
constexpr Duration kProgressInterval = 100 * kMillisecond;

// Called on the connection's executor after each piece; passes on what a person can follow.
class ProgressSender {
 public:
  ProgressSender(AdminCallPtr call, asio::any_io_executor control, const Clock& clock)
      : call_(std::move(call)), control_(std::move(control)), clock_(clock) {}

  void operator()(const stoq::FileProgress& progress) {
    const Timestamp now = clock_.now();
    if (progress.bytes < progress.size && now - sent_at_ < kProgressInterval) {
      return;
    }
    sent_at_ = now;
    asio::post(control_, [call = call_, progress] {
      call->progress(to_line({{"bytes", progress.bytes},
                              {"size", progress.size},
                              {"resumed_at", progress.resumed_at}}));
    });
  }

 private:
  AdminCallPtr call_;
  asio::any_io_executor control_;
  const Clock& clock_;
  Timestamp sent_at_ = 0;
};

}  // namespace

// The client opened the file with its own rights and passed the descriptor; the daemon reads that
// file and no other, whatever the request says.
Task<Result<std::string>> Verbs::send(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string target, call->request.text("peer"));
  I2_CO_TRY_VALUE(std::string name, call->request.text("name"));
  if (!call->file) {
    co_return fail("admin.argument", "'send' wants the open file beside the request");
  }
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(std::move(target)));
  stoq::SendOptions options;
  options.name = stoq::core::make_file_name(name);
  options.on_progress = ProgressSender(call, parts_.runtime.control(), parts_.clock);
  options.stop = call->stop;
  auto sending =
      stoq::send_file(link->connection, std::format("/proc/self/fd/{}", call->file.get()),
                      std::move(options), parts_.runtime.pool());
  I2_CO_TRY_VALUE(const auto report,
                  co_await on_link(link->connection.executor(), std::move(sending)));
  parts_.collector.files().get<"sent">().add();
  parts_.collector.files().get<"sent_bytes">().add(report.bytes);
  co_return to_line({{"peer", peer_json(*link)},
                     {"bytes", report.bytes},
                     {"seconds", report.seconds},
                     {"sha256", report.sha256},
                     {"resumed_at", report.resumed_at},
                     {"stored_as", report.stored_as}});
}

Task<Result<std::string>> Verbs::recv(AdminCallPtr call) {
  I2_CO_TRY_VALUE(const bool wait, call->request.flag("wait"));
  const std::stop_callback wake(call->stop, [this] { parts_.arrivals.wake(); });
  for (;;) {
    const std::uint64_t seen = parts_.arrivals.count();
    const auto list = [inbox = parts_.config.config().inbox_path()] {
      return list_inbox(inbox, kListMax);
    };
    const auto files = co_await rt::run_on(parts_.runtime.pool(), list);
    if (!files) {
      co_return fail(files.error());
    }
    if (!files->empty() || !wait) {
      json out = json::array();
      for (const ReceivedFile& file : *files) {
        out.push_back({{"path", file.path.string()},
                       {"name", file.name},
                       {"sender", file.sender},
                       {"size", file.size},
                       {"received_at", file.received_at}});
      }
      co_return to_line({{"files", std::move(out)}});
    }
    while (parts_.arrivals.count() == seen && !call->stop.stop_requested()) {
      co_await parts_.arrivals.wait();
    }
    if (call->stop.stop_requested()) {
      co_return fail("stoq.cancelled", "the command was taken back");
    }
  }
}

Task<Result<std::string>> Verbs::bench(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string target, call->request.text("peer"));
  I2_CO_TRY_VALUE(const auto streams, call->request.integer("streams", 1, 1, 256));
  I2_CO_TRY_VALUE(const auto time_ms, call->request.integer("duration_ms", 10'000, 10, 3'600'000));
  I2_CO_TRY_VALUE(const bool datagram, call->request.flag("datagram"));
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(std::move(target)));
  const Duration duration = static_cast<Duration>(time_ms) * kMillisecond;
  json out{{"peer", peer_json(*link)}};
  const auto executor = link->connection.executor();
  if (datagram) {
    I2_CO_TRY_VALUE(const DatagramReport report,
                    co_await on_link(executor, datagram_upload(link->connection, duration)));
    out.update({{"gbps", static_cast<double>(report.received_bytes) * 8e-9 / report.seconds},
                {"seconds", report.seconds},
                {"streams", 0},
                {"acknowledged_bytes", report.received_bytes},
                {"datagrams",
                 {{"sent", report.sent}, {"received", report.received}, {"size", report.size}}},
                {"cpu_seconds",
                 {{"local", report.cpu_seconds_local}, {"remote", report.cpu_seconds_remote}}}});
  } else {
    auto upload = stoq::bench_upload(link->connection, static_cast<std::size_t>(streams), duration);
    I2_CO_TRY_VALUE(const stoq::BenchReport report, co_await on_link(executor, std::move(upload)));
    out.update({{"gbps", report.gbps()},
                {"seconds", report.seconds},
                {"streams", report.streams},
                {"acknowledged_bytes", report.acknowledged_bytes},
                {"cpu_seconds",
                 {{"local", report.cpu_seconds_local}, {"remote", report.cpu_seconds_remote}}}});
  }
  co_return to_line(out);
}

}  // namespace i2::node
