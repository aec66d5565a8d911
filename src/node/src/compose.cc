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

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <future>
#include <optional>
#include <thread>

#include "datagram_bench.h"
#include "http_server.h"
#include "reload.h"
#include "renewal.h"
#include "verbs.h"

namespace i2::node {
namespace asio = boost::asio;
namespace core = stoq::core;

namespace {

constexpr Duration kEndTime = 10 * kSecond;
constexpr std::chrono::milliseconds kDrainStep{20};

stoq::TransportConfig transport_config(const Config& config, std::size_t workers) {
  stoq::TransportConfig out;
  out.bind = config.bind;
  out.endpoint.idle_timeout = config.idle_timeout;
  out.endpoint.keep_alive = config.idle_timeout / 3;
  out.endpoint.congestion = config.congestion;
  out.endpoint.connection_window = config.connection_window;
  out.endpoint.stream_window = config.stream_window;
  out.endpoint.handshake_timeout = config.handshake_timeout;
  out.endpoint.streams_bidi_max = config.streams_max;
  out.endpoint.datagram_size_max = config.datagram_size_max;
  // The kernel spreads connections over the workers, not quite evenly.
  out.endpoint.connections_max = (config.connections_max + workers - 1) / workers;
  out.socket_buffer = config.socket_buffer;
  out.profiles = {core::stoq_profile()};
  if (config.http.enabled) {
    core::Profile http3 = core::http3_profile();
    if (config.http.ask_clients_for_certificates) {
      http3.tls.peer_certificate = core::PeerCertificate::kOptional;
    }
    out.profiles.push_back(std::move(http3));
  }
  return out;
}

rt::RuntimeConfig runtime_config(const Config& config) {
  rt::RuntimeConfig out;
  out.workers = config.workers;
  if (config.cpu_affinity) {
    const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    for (int i = 0; i < 128; ++i) {
      out.worker_cpus.push_back(i % cores);
    }
  }
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

Result<std::unique_ptr<fleet::TrustStore>> load_trust(const Config& config, const Clock& clock) {
  I2_TRY(crypto::install_provider());
  I2_TRY_VALUE(auto trust, fleet::TrustStore::load(config.data_dir, clock.unix_now()));
  // A certificate authority that was off for long renews before anybody sees the old leaf.
  const UnixMillis now = clock.unix_now();
  if (trust->can_issue(now) && trust->renewal_time() <= now) {
    I2_TRY(trust->renew_own_leaf(now));
  }
  return trust;
}

Result<std::unique_ptr<fleet::OrdinaryCertificates>> load_ordinary(const Config& config,
                                                                   const fleet::TrustStore& trust,
                                                                   const Clock& clock) {
  const auto members = trust.members();
  const UnixMillis now = clock.unix_now();
  I2_TRY_VALUE(auto out,
               fleet::OrdinaryCertificates::load(config.data_dir,
                                                 {.node_name = trust.name(),
                                                  .fleet_name = members->genesis().fleet_name,
                                                  .root = members->genesis().root_ecdsa},
                                                 now));
  // An authority serves ordinary clients from the first moment on.
  if (out->can_issue(now) && out->renewal_time() <= now) {
    I2_TRY(out->renew_own({}, now));
  }
  return out;
}

}  // namespace

// In order of destruction from the last to the first: what a part names stands above it.
struct Node::Impl {
  Impl(ConfigKeeper& node_config, const Clock& node_clock, const Logger& node_log)
      : keeper(node_config), config(keeper.config()), clock(node_clock), log(node_log) {}

  ConfigKeeper& keeper;
  const Config config;  // as at the start
  const Clock& clock;
  const Logger& log;
  crypto::SystemRng rng;
  std::optional<fleet::DataDirLock> lock;
  std::unique_ptr<fleet::TrustStore> trust;
  std::unique_ptr<fleet::OrdinaryCertificates> ordinary;
  std::optional<Certificates> certificates;
  std::optional<rt::Runtime> runtime;
  TaskGroup tasks;
  std::unique_ptr<stoq::Transport> transport;
  stoq::RpcServer rpc;
  stoq::ByteServices bytes;
  stoq::StreamDispatcher dispatcher;
  std::optional<Arrivals> arrivals;
  std::optional<stoq::FileReceiver> receiver;
  std::optional<Peers> peers;
  std::optional<MemberSync> members;
  std::optional<Renewal> renewal;
  std::optional<OrdinaryRenewal> ordinary_renewal;
  std::optional<Verbs> verbs;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<AdminServer> admin;
  bool ended = false;

  Result<void> start();
  [[nodiscard]] Result<std::unique_ptr<HttpServer>> start_http();
  [[nodiscard]] Result<void> check_name() const;
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
  I2_TRY_VALUE(trust, at_layer("trust", load_trust(config, clock)));
  I2_TRY_VALUE(ordinary, at_layer("trust", load_ordinary(config, *trust, clock)));
  certificates.emplace(*trust, *ordinary);
  I2_TRY(check_name());
  runtime.emplace(runtime_config(config));
  I2_TRY_VALUE(transport,
               at_layer("transport",
                        stoq::Transport::create(transport_config(config, runtime->worker_count()),
                                                *runtime, *certificates, *trust)));
  make_services();
  if (config.http.enabled) {
    I2_TRY_VALUE(http, at_layer("gateway", start_http()));
  }
  I2_TRY_VALUE(admin, at_layer("admin socket",
                               AdminServer::listen(config.socket_path(), *runtime, tasks, log)));
  verbs->attach(*admin);
  asio::post(runtime->control(), [this] {
    peers->start();
    if (config.renew_certificates) {
      renewal->start();
      ordinary_renewal->start();
    }
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
            {"http", http == nullptr ? std::string("off") : http->tcp_address().to_string()},
            {"http_token", (config.data_dir / "gateway" / "token").string()},
            {"segmentation_offload", capabilities.segmentation_offload ? "yes" : "no"},
            {"receive_offload", capabilities.receive_offload ? "yes" : "no"},
            {"pid", ::getpid()},
            {"version", std::string_view(I2_VERSION)}});
  return {};
}

Result<void> Node::Impl::check_name() const {
  if (!config.name.empty() && config.name != trust->name()) {
    return fail("node.name_differs", "trust: the configuration is for the node '" + config.name +
                                         "', but the identity in '" + config.data_dir.string() +
                                         "' is that of '" + trust->name() + "'");
  }
  return {};
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
  members.emplace(MemberSync::Parts{
      .runtime = *runtime, .trust = *trust, .peers = *peers, .tasks = tasks, .log = log});
  renewal.emplace(Renewal::Parts{.runtime = *runtime,
                                 .trust = *trust,
                                 .peers = *peers,
                                 .tasks = tasks,
                                 .log = log,
                                 .clock = clock,
                                 .rng = rng});
  ordinary_renewal.emplace(
      OrdinaryRenewal::Parts{.runtime = *runtime,
                             .trust = *trust,
                             .certificates = *ordinary,
                             .names = reachable_names(config.http, transport->local_address()),
                             .peers = *peers,
                             .tasks = tasks,
                             .log = log,
                             .clock = clock,
                             .rng = rng});
  verbs.emplace(Verbs::Parts{.config = keeper,
                             .runtime = *runtime,
                             .trust = *trust,
                             .transport = *transport,
                             .peers = *peers,
                             .members = *members,
                             .arrivals = *arrivals,
                             .clock = clock,
                             .log = log});
  members->attach(rpc);
  renewal->attach(rpc);
  ordinary_renewal->attach(rpc);
  stoq::add_bench_services(bytes);
  add_datagram_bench(bytes);
  rpc.attach(dispatcher);
  bytes.attach(dispatcher);
  receiver->attach(dispatcher);
  peers->on_link([this](const LinkPtr& link) {
    members->link_up(link);
    renewal->link_up();
    ordinary_renewal->link_up();
  });
}

Result<std::unique_ptr<HttpServer>> Node::Impl::start_http() {
  return HttpServer::start({.config = config,
                            .runtime = *runtime,
                            .transport = *transport,
                            .certificates = *certificates,
                            .trust = *trust,
                            .ordinary = *ordinary,
                            .peers = *peers,
                            .clock = clock,
                            .rng = rng});
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
    const Timestamp until = clock.now() + keeper.config().drain_timeout;
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
    if (ordinary_renewal) {
      ordinary_renewal->stop();
    }
    if (peers) {
      peers->stop();
    }
  });
  bool requests_ended = true;
  if (http) {
    requests_ended =
        asio::co_spawn(control, http->shut_down(config.drain_timeout), asio::use_future).get();
  }
  if (transport) {
    asio::co_spawn(control, transport->shutdown(), asio::use_future).get();
  }
  return tasks.wait(kEndTime) && requests_ended;
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Node>> Node::start(ConfigKeeper& config, const Clock& clock,
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
    (void)reload_config(impl->keeper, impl->log);
    (void)co_await impl->members->reload();
  }(impl_.get()));
}

bool Node::shut_down() {
  return impl_->end();
}

stoq::core::SocketAddress Node::address() const {
  return impl_->transport->local_address();
}

}  // namespace i2::node
