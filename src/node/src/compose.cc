// All wiring of the program: which part is given to which. Parts know one another only through what
// they are handed here.
#include <i2/crypto/provider.h>
#include <i2/crypto/random.h>
#include <i2/fleet/data_dir.h>
#include <i2/node/node.h>
#include <i2/stoq/bytes.h>
#include <i2/stoq/file_transfer.h>
#include <i2/stoq/rpc.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <future>
#include <optional>
#include <thread>

#include "datagram_bench.h"
#include "fleet_ledger.h"
#include "renewal.h"
#include "replication.h"
#include "verbs.h"
#include "verbs_fleet.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr Duration kEndTime = 10 * kSecond;
constexpr std::chrono::milliseconds kDrainStep{20};

stoq::TransportConfig transport_config(const Config& config) {
  stoq::TransportConfig out;
  out.bind = config.bind;
  out.endpoint.idle_timeout = config.idle_timeout;
  out.endpoint.keep_alive = config.idle_timeout / 3;
  out.endpoint.congestion = config.congestion;
  out.endpoint.connection_window = config.connection_window;
  out.endpoint.stream_window = config.stream_window;
  return out;
}

template <class T>
Result<T> at_layer(std::string_view layer, Result<T> result) {
  if (!result) {
    return fail(std::move(result).error().in(layer));
  }
  return result;
}

Result<void> check_permission(const std::filesystem::path& dir) {
  if (::access(dir.c_str(), R_OK | W_OK | X_OK) != 0 && errno == EACCES) {
    return fail("node.permission", "data directory: '" + dir.string() +
                                       "' belongs to another user: run the daemon as its owner");
  }
  return {};
}

Result<std::unique_ptr<fleet::TrustStore>> load_trust(const Config& config, const Clock& clock,
                                                      std::shared_ptr<const fleet::Chain> chain) {
  I2_TRY_VALUE(auto trust,
               fleet::TrustStore::load(config.data_dir, clock.unix_now(), std::move(chain)));
  // A certificate authority that was off for long renews before anybody sees the old leaf.
  const UnixMillis now = clock.unix_now();
  if (trust->can_issue(now) && trust->renewal_time() <= now) {
    I2_TRY(trust->renew_own_leaf(now));
  }
  return trust;
}

}  // namespace

// In order of destruction from the last to the first: what a part names stands above it.
struct Node::Impl {
  Impl(const Config& node_config, const Clock& node_clock, const Logger& node_log)
      : config(node_config), clock(node_clock), log(node_log) {}

  const Config config;
  const Clock& clock;
  const Logger& log;
  crypto::SystemRng rng;
  std::optional<fleet::DataDirLock> lock;
  std::unique_ptr<fleet::TrustStore> trust;
  std::optional<rt::Runtime> runtime;
  TaskGroup tasks;
  std::unique_ptr<FleetLedger> fleet;
  std::unique_ptr<stoq::Transport> transport;
  stoq::RpcServer rpc;
  stoq::ByteServices bytes;
  stoq::StreamDispatcher dispatcher;
  std::optional<Arrivals> arrivals;
  std::optional<stoq::FileReceiver> receiver;
  std::optional<Peers> peers;
  std::optional<RemoteSequencer> remote;
  std::optional<Replication> replication;
  std::optional<Renewal> renewal;
  std::optional<Verbs> verbs;
  std::optional<FleetVerbs> fleet_verbs;
  std::unique_ptr<AdminServer> admin;
  bool serving = false;  // on the control executor: blocks are passed on from here on
  bool ended = false;

  Result<void> start();
  Result<void> start_ledger();
  void make_services();
  void on_file(const stoq::FileEvent& event);
  [[nodiscard]] bool has_commands();
  bool end();
};

Result<void> Node::Impl::start() {
  I2_TRY(check_permission(config.data_dir));
  I2_TRY_VALUE(const auto state,
               at_layer("data directory", fleet::inspect_data_dir(config.data_dir)));
  if (state != fleet::DataDirState::kComplete) {
    return fail("fleet.not_joined",
                "data directory: '" + config.data_dir.string() +
                    "' holds no node yet: run `i2 init` to found a fleet or `i2 join BUNDLE`");
  }
  I2_TRY_VALUE(auto held, at_layer("data directory", fleet::DataDirLock::acquire(config.data_dir)));
  lock.emplace(std::move(held));
  I2_TRY(crypto::install_provider());
  I2_TRY_VALUE(fleet, at_layer("ledger", FleetLedger::open(config.data_dir)));
  I2_TRY_VALUE(trust, at_layer("trust", load_trust(config, clock, fleet->ledger().chain())));
  rt::RuntimeConfig threads;
  threads.workers = config.workers;
  runtime.emplace(threads);
  I2_TRY(at_layer("ledger", start_ledger()));
  I2_TRY_VALUE(transport, at_layer("transport", stoq::Transport::create(transport_config(config),
                                                                        *runtime, *trust, *trust)));
  make_services();
  I2_TRY_VALUE(admin, at_layer("admin socket",
                               AdminServer::listen(config.socket_path(), *runtime, tasks, log)));
  verbs->attach(*admin);
  fleet_verbs->attach(*admin);
  asio::post(runtime->control(), [this] {
    serving = true;
    peers->start();
    renewal->start();
    admin->start();
  });
  const auto capabilities = transport->capabilities();
  log.info("node", "ready", "the node is ready",
           {{"name", trust->name()},
            {"id", wire::short_id(trust->node_id())},
            {"fleet", trust->members()->genesis().fleet_name},
            {"address", transport->local_address().to_string()},
            {"socket", config.socket_path().string()},
            {"workers", runtime->worker_count()},
            {"segmentation_offload", capabilities.segmentation_offload ? "yes" : "no"},
            {"receive_offload", capabilities.receive_offload ? "yes" : "no"},
            {"pid", ::getpid()},
            {"version", std::string_view(I2_VERSION)}});
  return {};
}

Result<void> Node::Impl::start_ledger() {
  return fleet->start({.runtime = *runtime,
                       .trust = *trust,
                       .tasks = tasks,
                       .log = log,
                       .clock = clock,
                       .block_added = [this] {
                         if (serving) {
                           replication->block_added();
                         }
                       }});
}

void Node::Impl::make_services() {
  arrivals.emplace(runtime->control());
  receiver.emplace(config.inbox_path(), runtime->pool(), stoq::ReceiveLimits{},
                   [this](const stoq::FileEvent& event) { on_file(event); });
  peers.emplace(Peers::Parts{.runtime = *runtime,
                             .transport = *transport,
                             .trust = *trust,
                             .dispatcher = dispatcher,
                             .tasks = tasks,
                             .log = log,
                             .clock = clock,
                             .rng = rng,
                             .cache = config.data_dir / "cache" / "peers"});
  if (!fleet->orders()) {
    remote.emplace(RemoteSequencer::Parts{
        .runtime = *runtime, .ledger = fleet->ledger(), .peers = *peers, .tasks = tasks});
    fleet->use(*remote);
  }
  replication.emplace(Replication::Parts{.runtime = *runtime,
                                         .fleet = *fleet,
                                         .trust = *trust,
                                         .peers = *peers,
                                         .tasks = tasks,
                                         .log = log});
  renewal.emplace(Renewal::Parts{.runtime = *runtime,
                                 .trust = *trust,
                                 .peers = *peers,
                                 .tasks = tasks,
                                 .log = log,
                                 .clock = clock,
                                 .rng = rng});
  verbs.emplace(Verbs::Parts{.config = config,
                             .runtime = *runtime,
                             .trust = *trust,
                             .transport = *transport,
                             .peers = *peers,
                             .fleet = *fleet,
                             .replication = *replication,
                             .arrivals = *arrivals,
                             .clock = clock});
  fleet_verbs.emplace(FleetVerbs::Parts{
      .fleet = *fleet, .trust = *trust, .transport = *transport, .peers = *peers});
  replication->attach(rpc);
  renewal->attach(rpc);
  stoq::add_bench_services(bytes);
  add_datagram_bench(bytes);
  rpc.attach(dispatcher);
  bytes.attach(dispatcher);
  receiver->attach(dispatcher);
  peers->on_link([this](const LinkPtr& link) {
    replication->link_up(link);
    renewal->link_up();
  });
}

// On the executor of the connection that the file comes over.
void Node::Impl::on_file(const stoq::FileEvent& event) {
  using Kind = stoq::FileEvent::Kind;
  if (event.kind == Kind::kCompleted) {
    log.info("stoq", "file_received", "a file was received and verified",
             {{"from", event.sender.name},
              {"name", event.name},
              {"bytes", event.size},
              {"path", event.path.string()},
              {"sha256", event.sha256}});
    asio::post(runtime->control(), [this] { arrivals->add(); });
  } else if (event.kind == Kind::kFailed) {
    log.warning("stoq", "file_failed", event.error ? event.error->message() : "the transfer ended",
                {{"from", event.sender.name},
                 {"name", event.name},
                 {"received", event.received},
                 {"bytes", event.size}});
  } else if (event.kind == Kind::kStarted) {
    log.info("stoq", "file_started", "a file is coming",
             {{"from", event.sender.name},
              {"name", event.name},
              {"bytes", event.size},
              {"resumed_at", event.resumed_at}});
  }
}

bool Node::Impl::has_commands() {
  std::promise<bool> answer;
  asio::post(runtime->control(), [this, &answer] { answer.set_value(admin->running() > 0); });
  return answer.get_future().get();
}

// Every task names parts of this node, so nothing is destroyed before the last one has ended.
bool Node::Impl::end() {
  if (ended || !runtime) {
    return true;
  }
  ended = true;
  const auto control = runtime->control();
  if (admin) {
    asio::post(control, [this] { admin->refuse_new(); });
    const Timestamp until = clock.now() + config.drain_timeout;
    while (has_commands() && clock.now() < until) {
      std::this_thread::sleep_for(kDrainStep);
    }
  }
  asio::post(control, [this] {
    if (admin) {
      admin->stop();
    }
    if (renewal) {
      renewal->stop();
    }
    if (peers) {
      peers->stop();
    }
  });
  if (fleet) {
    fleet->stop();
  }
  if (transport) {
    asio::co_spawn(control, transport->shutdown(), asio::use_future).get();
  }
  return tasks.wait(kEndTime);
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Node>> Node::start(const Config& config, const Clock& clock,
                                          const Logger& log) {
  auto impl = std::make_unique<Impl>(config, clock, log);
  if (auto started = impl->start(); !started) {
    (void)impl->end();
    return fail(std::move(started).error());
  }
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Node::~Node() {
  (void)shut_down();
}

void Node::reload() {
  impl_->tasks.spawn(impl_->runtime->control(), [](Impl* impl) -> Task<> {
    (void)co_await impl->replication->reload();
  }(impl_.get()));
}

bool Node::shut_down() {
  return impl_->end();
}

stoq::core::SocketAddress Node::address() const {
  return impl_->transport->local_address();
}

}  // namespace i2::node
