// A node as its owner sees it: how it is, and its end.
#include <i2/node/node.h>
#include <i2/node/units.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "node_impl.h"
#include "reload.h"
#include "thresholds.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr Duration kEndTime = 10 * kSecond;
constexpr Duration kReloadTime = 10 * kSecond;
constexpr Duration kStuckTime = 10 * kSecond;
constexpr std::chrono::milliseconds kDrainStep{20};

}  // namespace

void Node::Impl::log_ready() {
  const auto capabilities = transport->capabilities();
  log.info("node", "ready", "the node is ready",
           {{"mode", name_of(mode)},
            {"name", trust->name()},
            {"id", wire::short_id(trust->node_id())},
            {"fleet", trust->members()->genesis().fleet_name},
            {"address", transport->local_address().to_string()},
            {"socket", config.socket_path().string()},
            {"workers", runtime->worker_count()},
            {"http", http == nullptr ? std::string("off") : http->tcp_address().to_string()},
            {"http_token", (config.data_dir / "gateway" / "token").string()},
            {"segmentation_offload", capabilities.segmentation_offload ? "yes" : "no"},
            {"receive_offload", capabilities.receive_offload ? "yes" : "no"},
            {"pid", ::getpid()},
            {"version", std::string_view(I2_VERSION)}});
}

telemetry::LayerHealth Node::Impl::data_dir_health() const {
  std::error_code error;
  const auto space = std::filesystem::space(config.data_dir, error);
  if (error) {
    return {.layer = {}, .health = telemetry::Health::kFailed, .reason = error.message()};
  }
  if (space.available < kSpaceMin) {
    return {.layer = {},
            .health = telemetry::Health::kDegraded,
            .reason = format_size(space.available) + " left on the disk"};
  }
  return {};
}

telemetry::LayerHealth Node::Impl::trust_health() const {
  if (trust->current()->certificate.not_after() <= clock.unix_now()) {
    return {.layer = {},
            .health = telemetry::Health::kDegraded,
            .reason = "the certificate has expired and could not be renewed yet"};
  }
  for (const Expiry& one : expiries(*trust, *ordinary)) {
    if (is_ending(one, clock.unix_now())) {
      return {.layer = {},
              .health = telemetry::Health::kDegraded,
              .reason = "the " + std::string(one.certificate) + " certificate ends on " +
                        format_time(one.not_after) + " and has not been renewed"};
    }
  }
  return {};
}

telemetry::LayerHealth Node::Impl::ledger_health() const {
  if (trust->members()->find(trust->node_id()) == nullptr) {
    return {.layer = {},
            .health = telemetry::Health::kFailed,
            .reason = "this node is no longer a member of its fleet"};
  }
  return {};
}

// The metrics of every worker are read in each interval: where they are old, one does not answer.
telemetry::LayerHealth Node::Impl::transport_health() const {
  const Duration age = clock.now() - collector->collected_at();
  if (age > keeper.config().metrics_interval + kStuckTime) {
    return {.layer = {},
            .health = telemetry::Health::kFailed,
            .reason = "a worker has not answered for " + format_duration(age)};
  }
  return {};
}

bool Node::Impl::has_commands() {
  std::promise<bool> answer;
  asio::post(runtime->control(), [this, &answer] { answer.set_value(admin->running() > 0); });
  return answer.get_future().get();
}

void Node::Impl::on_control(std::function<void()> work) {
  std::promise<void> done;
  asio::post(runtime->control(), [&] {
    work();
    done.set_value();
  });
  done.get_future().get();
}

// Waits for the commands under way, within the time that is configured.
void Node::Impl::stop_admin() {
  on_control([this] { admin->refuse_new(); });
  const Timestamp until = clock.now() + keeper.config().drain_timeout;
  while (has_commands() && clock.now() < until) {
    std::this_thread::sleep_for(kDrainStep);
  }
  on_control([this] { admin->stop(); });
}

void Node::Impl::stop_http() {
  on_control([this] { collector->set_gateway({}); });
  requests_ended = asio::co_spawn(runtime->control(),
                                  http->shut_down(keeper.config().drain_timeout), asio::use_future)
                       .get();
}

// Every task names parts of this node, so nothing is destroyed before the last one has ended.
bool Node::Impl::end() {
  if (!std::exchange(ended, true)) {
    if (http != nullptr) {
      on_control([this] { http->announce_end(); });
    }
    layers.stop();
    tasks_ended = !runtime || tasks.wait(kEndTime);
  }
  return tasks_ended && requests_ended;
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Node>> Node::start(ConfigKeeper& config, Mode mode, const Clock& clock,
                                          const Logger& log) {
  auto impl = std::make_unique<Impl>(config, mode, clock, log);
  if (auto started = impl->start(); !started) {
    (void)impl->end();
    return fail(std::move(started).error());
  }
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

// NOLINTNEXTLINE(bugprone-exception-escape): what still throws here is a defect
Node::~Node() {
  (void)shut_down();
}

void Node::reload() {
  const auto done = std::make_shared<std::promise<void>>();  // may outlive this call
  impl_->tasks.spawn(impl_->runtime->control(),
                     [](Impl* impl, std::shared_ptr<std::promise<void>> finished) -> Task<> {
                       (void)reload_config(impl->keeper, *impl->transport, impl->log);
                       (void)co_await impl->members->replication().reload();
                       finished->set_value();
                     }(impl_.get(), done));
  (void)done->get_future().wait_for(std::chrono::nanoseconds(kReloadTime));
}

bool Node::responds(Duration within) {
  // Shared with the loops, which may answer after this has given up.
  struct Answers {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t missing = 0;
  };
  const auto answers = std::make_shared<Answers>();
  std::vector<asio::any_io_executor> loops{impl_->runtime->control()};
  for (std::size_t i = 0; i < impl_->runtime->worker_count(); ++i) {
    loops.push_back(impl_->runtime->worker(i));
  }
  answers->missing = loops.size();
  for (const auto& loop : loops) {
    asio::post(loop, [answers] {
      const std::scoped_lock lock(answers->mutex);
      --answers->missing;
      answers->changed.notify_one();
    });
  }
  std::unique_lock lock(answers->mutex);
  return answers->changed.wait_for(lock, std::chrono::nanoseconds(within),
                                   [&] { return answers->missing == 0; });
}

bool Node::shut_down() {
  return impl_->end();
}

stoq::core::SocketAddress Node::address() const {
  return impl_->transport->local_address();
}

}  // namespace i2::node
