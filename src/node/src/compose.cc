// All wiring of the program: which part is given to which. Parts know one another only through what
// they are handed here, and in compose_trust.cc.
#include <i2/crypto/hash.h>
#include <i2/crypto/provider.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <thread>

#include "datagram_bench.h"
#include "node_impl.h"
#include "reload.h"

namespace i2::node {
namespace asio = boost::asio;
namespace core = stoq::core;

namespace {

stoq::TransportConfig transport_config(const Config& config, bool http, std::size_t workers) {
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
  out.qlog = qlog_config(config);
  out.profiles = {core::stoq_profile()};
  if (http) {
    core::Profile http3 = core::http3_profile();
    if (config.http.ask_clients_for_certificates) {
      http3.tls.peer_certificate = core::PeerCertificate::kOptional;
    }
    out.profiles.push_back(std::move(http3));
  }
  return out;
}

// The same after every start, so that a peer of the process before this one is told at its next
// packet (RFC 9000 §10.3), instead of waiting for its idle timeout.
Hash256 endpoint_secret(const trustchain::HybridKey& identity) {
  const crypto::SecretBytes key = identity.ed25519().pkcs8();
  const Bytes derived =
      crypto::hkdf_sha256(key.view(), {}, as_bytes("internet2 stoq endpoint"), 32);
  Hash256 out;
  std::ranges::copy(derived, out.begin());
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

Result<void> check_permission(const std::filesystem::path& dir) {
  if (::access(dir.c_str(), R_OK | W_OK | X_OK) != 0 && errno == EACCES) {
    return fail(
        "node.permission",
        "'" + dir.string() +
            "', or a folder above it, belongs to another user: run the daemon as its owner");
  }
  return {};
}

Result<std::unique_ptr<fleet::OrdinaryCertificates>> load_ordinary(const Config& config,
                                                                   const fleet::TrustStore& trust,
                                                                   const Clock& clock) {
  const auto members = trust.members();
  return fleet::OrdinaryCertificates::load(config.data_dir,
                                           {.node_name = trust.name(),
                                            .fleet_name = members->genesis().fleet_name,
                                            .root = members->genesis().root_ecdsa},
                                           clock.unix_now());
}

}  // namespace

void Node::Impl::add_layers() {
  layers.add({.name = "data_directory",
              .start = [this] { return open_data_dir(); },
              .stop = {},
              .health = [this] { return data_dir_health(); }});
  layers.add({.name = "trust",
              .start = [this] { return open_trust(); },
              .stop = {},
              .health = [this] { return trust_health(); }});
  layers.add({.name = "ledger",
              .start = [this] { return start_ledger(); },
              .stop = [this] { fleet->stop(); },
              .health = [this] { return ledger_health(); }});
  layers.add({.name = "transparency_log",
              .start = [this] { return open_log(); },
              .stop =
                  [this] {
                    on_control([this] { transparency->stop_refreshing(); });
                    transparency->stop();
                  },
              .health = [this] { return log_health(); }});
  layers.add({.name = "authority",
              .start = [this] { return start_authority(); },
              .stop =
                  [this] {
                    if (authority != nullptr) {
                      fleet->on_change({});
                      on_control([this] {
                        certificate_index->stop();
                        revocation_sync->stop();
                      });
                      authority->stop();
                    }
                  },
              .health = {}});
  layers.add({.name = "acme",
              .start = [this] { return start_acme(); },
              .stop =
                  [this] {
                    if (acme != nullptr) {
                      acme->stop();
                    }
                  },
              .health = {}});
  layers.add(
      {.name = "transport",
       .start = [this] { return open_transport(); },
       .stop =
           [this] {
             asio::co_spawn(runtime->control(), transport->shutdown(), asio::use_future).get();
           },
       .health = [this] { return transport_health(); }});
  // What peers may ask for is there before the first of them is let in.
  layers.add({.name = "certificates",
              .start = [this] { return start_certificates(); },
              .stop =
                  [this] {
                    on_control([this] {
                      renewal->loop().stop();
                      ordinary_renewal->loop().stop();
                      expiry_watch->stop();
                      log_takeover->stop();
                    });
                  },
              .health = {}});
  if (is_whole()) {
    layers.add({.name = "witness",
                .start = [this] { return start_witness(); },
                .stop =
                    [this] {
                      on_control([this] {
                        witness->stop();
                        authority_watch->stop();
                        cosigners->stop();
                      });
                    },
                .health =
                    [this] {
                      auto out = witness->health();
                      return out.health == telemetry::Health::kOk ? authority_watch->health() : out;
                    }});
  }
  layers.add({.name = "membership",
              .start =
                  [this] {
                    members->attach(rpc);
                    members->attach(dispatcher);
                    asio::post(runtime->control(), [this] { members->start(); });
                    if (log_founding) {
                      tasks.spawn(runtime->control(), log_founding->run());
                    }
                    return Result<void>();
                  },
              .stop =
                  [this] {
                    on_control([this] {
                      members->stop();
                      if (log_founding) {
                        log_founding->stop();
                      }
                    });
                  },
              .health = {}});
  if (is_whole()) {
    layers.add(
        {.name = "files", .start = [this] { return start_files(); }, .stop = {}, .health = {}});
  }
  layers.add({.name = "peers",
              .start = [this] { return start_peers(); },
              .stop = [this] { on_control([this] { peers->stop(); }); },
              .health = {}});
  layers.add({.name = "telemetry",
              .start =
                  [this] {
                    asio::co_spawn(runtime->control(), collector->start(), asio::use_future).get();
                    return Result<void>();
                  },
              .stop = [this] { on_control([this] { collector->stop(); }); },
              .health = {}});
  if (serves_http()) {
    layers.add({.name = "gateway",
                .start = [this] { return start_http(); },
                .stop = [this] { stop_http(); },
                .health = {}});
  }
  layers.add({.name = "admin_socket",
              .start = [this] { return start_admin(); },
              .stop = [this] { stop_admin(); },
              .health = {}});
}

Result<void> Node::Impl::start() {
  add_layers();
  I2_TRY(layers.start(log));
  log_ready();
  return {};
}

Result<void> Node::Impl::open_data_dir() {
  I2_TRY(check_permission(config.data_dir));
  I2_TRY_VALUE(const auto state, fleet::inspect_data_dir(config.data_dir));
  if (state != fleet::DataDirState::kComplete) {
    return fail("fleet.not_joined", "'" + config.data_dir.string() +
                                        "' holds no node yet: run `i2 init` to found a fleet or "
                                        "`i2 join` with an invite or a bundle");
  }
  I2_TRY_VALUE(auto held, fleet::DataDirLock::acquire(config.data_dir));
  lock.emplace(std::move(held));
  return {};
}

Result<void> Node::Impl::open_trust() {
  I2_TRY(crypto::install_provider());
  I2_TRY_VALUE(fleet, FleetLedger::open(config.data_dir));
  fleet->ledger().keep_blocks(config.blocks_kept);
  I2_TRY_VALUE(trust,
               fleet::TrustStore::load(config.data_dir, clock.unix_now(), fleet->ledger().chain()));
  I2_TRY_VALUE(ordinary, load_ordinary(config, *trust, clock));
  certificates.emplace(*trust, *ordinary);
  if (!config.name.empty() && config.name != trust->name()) {
    return fail("node.name_differs", "the configuration is for the node '" + config.name +
                                         "', but the identity in '" + config.data_dir.string() +
                                         "' is that of '" + trust->name() + "'");
  }
  return {};
}

Result<void> Node::Impl::start_ledger() {
  runtime.emplace(runtime_config(config));
  return fleet->start({.runtime = *runtime, .trust = *trust, .log = log, .clock = clock});
}

Result<void> Node::Impl::open_transport() {
  auto settings = transport_config(config, serves_http(), runtime->worker_count());
  settings.endpoint.secret = endpoint_secret(trust->identity());
  if (is_whole()) {
    settings.profiles.push_back(core::join_profile());
  }
  I2_TRY_VALUE(transport, stoq::Transport::create(settings, *runtime, *certificates, *trust));
  peers.emplace(Peers::Parts{.runtime = *runtime,
                             .transport = *transport,
                             .trust = *trust,
                             .dispatcher = dispatcher,
                             .tasks = tasks,
                             .log = log,
                             .clock = clock,
                             .rng = rng,
                             .cache = config.data_dir / "cache" / "peers"});
  if (remote_log) {
    remote_log->use(*peers);
  }
  members.emplace(FleetServices::Parts{.runtime = *runtime,
                                       .fleet = *fleet,
                                       .trust = *trust,
                                       .transport = *transport,
                                       .peers = *peers,
                                       .authority = authority.get(),
                                       .tasks = tasks,
                                       .log = log,
                                       .clock = clock,
                                       .data_dir = config.data_dir,
                                       .admits = is_whole(),
                                       .vote_suite = config.hybrid_votes
                                                         ? consensus::VoteSuite::kHybrid
                                                         : consensus::VoteSuite::kEd25519});
  log_takeover.emplace(LogTakeover::Parts{.runtime = *runtime,
                                          .fleet = *fleet,
                                          .trust = *trust,
                                          .peers = *peers,
                                          .own = own_log,
                                          .tasks = tasks,
                                          .log = log,
                                          .clock = clock,
                                          .after = config.log_takeover_after});
  arrivals.emplace(runtime->control());
  collector.emplace(Collector::Parts{.config = keeper,
                                     .runtime = *runtime,
                                     .trust = *trust,
                                     .ordinary = *ordinary,
                                     .transport = *transport,
                                     .peers = *peers,
                                     .ledger = fleet->ledger(),
                                     .sequencer = members->validators().sequencer(),
                                     .tasks = tasks,
                                     .log = log,
                                     .clock = clock});
  collector->set_authority(authority.get());
  collector->set_acme(acme.get());
  collector->set_log(own_log, *log_takeover);
  return {};
}

Result<void> Node::Impl::start_files() {
  receiver.emplace(config.inbox_path(), runtime->pool(), stoq::ReceiveLimits{},
                   [this](const stoq::FileEvent& event) { on_file(event); });
  receiver->attach(dispatcher);
  stoq::add_bench_services(bytes);
  add_datagram_bench(bytes);
  bytes.attach(dispatcher);
  return {};
}

Result<void> Node::Impl::start_peers() {
  rpc.attach(dispatcher);
  peers->on_link([this](const LinkPtr& link) {
    members->link_up(link);
    renewal->loop().link_up();
    ordinary_renewal->loop().link_up();
    if (witness != nullptr) {
      witness->link_up(link);
    }
    if (cosigners != nullptr) {
      cosigners->link_up(link);
    }
  });
  asio::post(runtime->control(), [this] {
    peers->start();
    log_takeover->start();
  });
  return {};
}

Result<void> Node::Impl::start_http() {
  I2_TRY_VALUE(http, HttpServer::start({.config = config,
                                        .runtime = *runtime,
                                        .transport = *transport,
                                        .certificates = *certificates,
                                        .trust = *trust,
                                        .ordinary = *ordinary,
                                        .authority = *authority_calls,
                                        .tokens = *tokens_of_http,
                                        .peers = *peers,
                                        .layers = layers,
                                        .collector = *collector,
                                        .log = is_whole() || own_log.get() ? &own_log : nullptr,
                                        .cosigners = cosigners.get(),
                                        .witness = witness.get(),
                                        .entry_check = entry_check(),
                                        .acme = acme.get(),
                                        .clock = clock,
                                        .rng = rng}));
  on_control([this] { collector->set_gateway([this] { return http->stats(); }); });
  return {};
}

Result<void> Node::Impl::start_admin() {
  verbs.emplace(Verbs::Parts{.config = keeper,
                             .runtime = *runtime,
                             .trust = *trust,
                             .ordinary = *ordinary,
                             .transport = *transport,
                             .peers = *peers,
                             .fleet = *fleet,
                             .replication = members->replication(),
                             .arrivals = *arrivals,
                             .layers = layers,
                             .collector = *collector,
                             .clock = clock,
                             .log = log,
                             .http = http_address()});
  I2_TRY_VALUE(admin, AdminServer::listen(config.socket_path(), *runtime, tasks, log, clock,
                                          collector->admin()));
  cert_verbs.emplace(CertVerbs::Parts{.calls = *authority_calls,
                                      .renewal = *renewal,
                                      .ordinary_renewal = *ordinary_renewal,
                                      .trust = *trust,
                                      .ordinary = *ordinary});
  verbs->attach(*admin);
  cert_verbs->attach(*admin);
  acme_verbs.emplace(AcmeVerbs::Parts{.runtime = *runtime, .acme = acme.get(), .rng = rng});
  acme_verbs->attach(*admin);
  log_verbs.emplace(LogVerbs::Parts{.runtime = *runtime,
                                    .trust = *trust,
                                    .own = own_log,
                                    .serving = *log_serving,
                                    .takeover = *log_takeover,
                                    .peers = *peers,
                                    .cosigners = cosigners.get(),
                                    .witness = witness.get(),
                                    .authorities = authority_watch.get(),
                                    .clock = clock});
  log_verbs->attach(*admin);
  token_verbs.emplace(TokenVerbs::Parts{.runtime = *runtime,
                                        .tokens = *tokens_of_http,
                                        .calls = *authority_calls,
                                        .clock = clock,
                                        .rng = rng});
  token_verbs->attach(*admin);
  members->attach(*admin);
  asio::post(runtime->control(), [this] { admin->start(); });
  return {};
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
    asio::post(runtime->control(), [this, size = event.size] {
      arrivals->add();
      collector->files().get<"received">().add();
      collector->files().get<"received_bytes">().add(size);
    });
  } else if (event.kind == Kind::kFailed) {
    log.warning("stoq", "file_failed", event.error ? event.error->message() : "the transfer ended",
                {{"from", event.sender.name},
                 {"name", event.name},
                 {"received", event.received},
                 {"bytes", event.size}});
    asio::post(runtime->control(), [this] { collector->files().get<"failed_receptions">().add(); });
  } else if (event.kind == Kind::kStarted) {
    log.info("stoq", "file_started", "a file is coming",
             {{"from", event.sender.name},
              {"name", event.name},
              {"bytes", event.size},
              {"resumed_at", event.resumed_at}});
  }
}

}  // namespace i2::node
