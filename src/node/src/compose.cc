// All wiring of the program: which part is given to which. Parts know one another only through what
// they are handed here.
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

// Where certificates say that lists and answers are; nowhere while the port changes at every start.
std::string authority_url(const Config& config, const fleet::TrustStore& trust) {
  const std::uint16_t port = config.http.port != 0 ? config.http.port : config.bind.port;
  if (!config.http.enabled || port == 0) {
    return {};
  }
  return "http://" +
         trustchain::leaf_dns_name(trust.name(), trust.members()->genesis().fleet_name) + ":" +
         std::to_string(port) + "/ca";
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

// What chains may lead to: the fleet's P-256 root and its anchors.
std::vector<crypto::Certificate> logged_roots(const fleet::TrustStore& trust,
                                              const fleet::OrdinaryCertificates& ordinary) {
  std::vector<crypto::Certificate> out;
  if (auto root = ordinary.root()) {
    out.push_back(std::move(root));
  }
  for (const auto& anchor : trust.members()->anchors()) {
    out.push_back(anchor->certificate);
  }
  return out;
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

// An authority issues nothing that the fleet's log has not promised to include. The founder without
// a log is one that has only ever been a transport.
trustchain::LogClient* Node::Impl::log_client() {
  if (own_log.get() == nullptr && trust->is_founder()) {
    return nullptr;
  }
  remote_log.emplace(RemoteLog::Parts{.runtime = *runtime, .trust = *trust, .tasks = tasks});
  return &present_log.emplace(
      PresentLog::Parts{.trust = *trust, .own = own_log, .remote = *remote_log});
}

Result<void> Node::Impl::start_authority() {
  const auto revoked_here = [this](std::span<const trustchain::RevokedCertificate> revoked) {
    asio::post(runtime->control(), [this, all = std::vector(revoked.begin(), revoked.end())] {
      if (revocation_sync) {
        revocation_sync->handle_revoked(all);
      }
    });
  };
  I2_TRY_VALUE(authority, Authority::open({.runtime = *runtime,
                                           .trust = *trust,
                                           .ordinary = *ordinary,
                                           .clock = clock,
                                           .data_dir = config.data_dir,
                                           .url = authority_url(config, *trust),
                                           .log = log_client(),
                                           .own_log = own_log,
                                           .revoked = revoked_here}));
  authority_calls.emplace(AuthorityCalls::Parts{.runtime = *runtime,
                                                .trust = *trust,
                                                .chain = [this] { return fleet->ledger().chain(); },
                                                .authority = authority.get(),
                                                .clock = clock});
  I2_TRY_VALUE(tokens_of_http, TokenStore::load(config.data_dir / "gateway" / "tokens"));
  if (authority != nullptr && authority->store().abandoned() > 0) {
    log.warning("trust", "certificates_abandoned",
                "certificates were under way when this authority ended; nobody was given them",
                {{"count", authority->store().abandoned()}});
  }
  if (authority != nullptr) {
    follow_certificates();
  }
  if (authority != nullptr && (!present_log || present_log->is_own().value_or(false))) {
    renew_own_leaves();
  }
  if (authority != nullptr && own_log.get() != nullptr && trust->is_founder()) {
    log_founding.emplace(LogFounding::Parts{.runtime = *runtime,
                                            .fleet = *fleet,
                                            .trust = *trust,
                                            .log = *own_log.get(),
                                            .logger = log,
                                            .clock = clock});
    // Where it orders alone this is enough; else it takes peers.
    (void)asio::co_spawn(runtime->pool(), log_founding->found(), asio::use_future).get();
  }
  return {};
}

Result<void> Node::Impl::start_acme() {
  I2_TRY_VALUE(acme, Acme::open({.config = config,
                                 .runtime = *runtime,
                                 .tasks = tasks,
                                 .log = log,
                                 .clock = clock,
                                 .rng = rng,
                                 .trust = *trust,
                                 .authority = authority.get(),
                                 .served = serves_http()}));
  return {};
}

// What the authority issues and revokes goes into the state, what the state revokes to its lists.
void Node::Impl::follow_certificates() {
  const auto submit = [this](std::vector<fleet::Request> changes, fleet::Account::Done done) {
    fleet->account().submit(std::move(changes), std::move(done));
  };
  const auto account_of = [this](std::string_view requester) {
    return account_of_requester(requester, *trust->members(), fleet::account_of(trust->node_id()));
  };
  certificate_index.emplace(CertificateIndex::Parts{.runtime = *runtime,
                                                    .store = authority->store(),
                                                    .account_of = account_of,
                                                    .submit = submit,
                                                    .tasks = tasks,
                                                    .log = log,
                                                    .clock = clock});
  revocation_sync.emplace(RevocationSync::Parts{.runtime = *runtime,
                                                .store = authority->store(),
                                                .issuers = authority->issuers(),
                                                .revocations = authority->revocations(),
                                                .index = *certificate_index,
                                                .account_of = account_of,
                                                .chain = [this] { return fleet->ledger().chain(); },
                                                .submit = submit,
                                                .tasks = tasks,
                                                .log = log,
                                                .clock = clock});
  fleet->on_change([this](const fleet::LedgerChange& change) {
    revocation_sync->handle_change(change.changed);
  });
  asio::post(runtime->control(), [this] {
    certificate_index->start();
    revocation_sync->start();
  });
}

// Before anybody sees an old leaf, or none, or one of `init`, which is in no log. What fails here
// is tried again once there are peers, without whom an authority whose log is elsewhere need not
// begin.
void Node::Impl::renew_own_leaves() {
  const UnixMillis now = clock.unix_now();
  const auto run = [this](Task<Result<void>> renewal_task) {
    const auto done =
        asio::co_spawn(runtime->pool(), std::move(renewal_task), asio::use_future).get();
    if (!done) {
      log.warning("trust", "renewal_failed", done.error().message(),
                  {{"error", done.error().code()}});
    }
  };
  const bool unlogged = own_log.get() != nullptr && trust->has_first_leaf();
  if (trust->can_issue(now) && (unlogged || trust->is_renewal_due(now))) {
    run(renew_own_leaf());
  }
  if (ordinary->can_issue(now) && ordinary->is_renewal_due(now)) {
    run(renew_own_ordinary());
  }
}

Task<Result<void>> Node::Impl::renew_own_leaf() {
  I2_CO_TRY_VALUE(auto wanted, trust->make_renewal_request());
  const auto leaf = co_await authority->issue_leaf(std::move(wanted.request), trust->node_id());
  if (!leaf) {
    co_return fail(leaf.error());
  }
  co_return trust->install_leaf(wanted.key, *leaf, clock.unix_now());
}

Task<Result<void>> Node::Impl::renew_own_ordinary() {
  I2_CO_TRY_VALUE(auto wanted, ordinary->make_request());
  const auto pem = co_await authority->issue_ordinary(std::move(wanted.request), trust->name(), {});
  if (!pem) {
    co_return fail(pem.error());
  }
  co_return ordinary->install(wanted.key, *pem, clock.unix_now());
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

Result<void> Node::Impl::start_certificates() {
  const RenewalLoop::Parts parts{.runtime = *runtime,
                                 .trust = *trust,
                                 .peers = *peers,
                                 .tasks = tasks,
                                 .clock = clock,
                                 .rng = rng};
  auto names = reachable_names(config.http, transport->local_address());
  if (acme != nullptr) {
    names.dns.push_back(acme->host());
  }
  renewal.emplace(parts, log, authority.get());
  ordinary_renewal.emplace(parts, log, authority.get(), *ordinary, std::move(names));
  if (authority != nullptr) {
    anchor_rotation.emplace(AnchorRotation::Parts{.runtime = *runtime,
                                                  .trust = *trust,
                                                  .ordinary = *ordinary,
                                                  .authority = *authority,
                                                  .fleet = *fleet,
                                                  .log = log,
                                                  .clock = clock,
                                                  .data_dir = config.data_dir});
  }
  expiry_watch.emplace(ExpiryWatch::Parts{.runtime = *runtime,
                                          .trust = *trust,
                                          .ordinary = *ordinary,
                                          .authority = authority.get(),
                                          .anchors = anchor_rotation ? &*anchor_rotation : nullptr,
                                          .tasks = tasks,
                                          .log = log,
                                          .clock = clock});
  asio::post(runtime->control(), [this] { expiry_watch->start(); });
  renewal->attach(rpc);
  ordinary_renewal->attach(rpc);
  log_serving.emplace(LogServing::Parts{.runtime = *runtime,
                                        .trust = *trust,
                                        .service = *transparency,
                                        .own = own_log,
                                        .check = entry_check(),
                                        .logger = log,
                                        .clock = clock});
  log_serving->attach(rpc);
  if (config.renew_certificates) {
    asio::post(runtime->control(), [this] {
      renewal->loop().start();
      ordinary_renewal->loop().start();
    });
  }
  return {};
}

Result<void> Node::Impl::open_log() {
  I2_TRY_VALUE(transparency,
               LogService::open({.runtime = *runtime,
                                 .tasks = tasks,
                                 .log = log,
                                 .clock = clock,
                                 .trust = *trust,
                                 .own = own_log,
                                 .data_dir = config.data_dir,
                                 .may_create = is_whole(),
                                 .roots = [this] { return logged_roots(*trust, *ordinary); },
                                 .published =
                                     [this] {
                                       asio::post(runtime->control(), [this] {
                                         if (cosigners != nullptr) {
                                           cosigners->published();
                                         }
                                       });
                                     }}));
  asio::post(runtime->control(), [this] { transparency->start(); });
  return {};
}

// A log of this node that has stopped matters more than one that cannot be reached.
telemetry::LayerHealth Node::Impl::log_health() const {
  const auto own = transparency->health();
  return own.health == telemetry::Health::kOk && log_takeover ? log_takeover->health() : own;
}

std::function<Result<void>(const crypto::Certificate&)> Node::Impl::entry_check() {
  return [this](const crypto::Certificate& certificate) {
    return authority_watch != nullptr ? authority_watch->admit(certificate) : Result<void>();
  };
}

Result<void> Node::Impl::start_witness() {
  I2_TRY_VALUE(witness, WitnessService::open({.runtime = *runtime,
                                              .fleet = *fleet,
                                              .trust = *trust,
                                              .peers = *peers,
                                              .tasks = tasks,
                                              .log = log,
                                              .clock = clock,
                                              .rng = rng,
                                              .data_dir = config.data_dir,
                                              .own = own_log}));
  I2_TRY_VALUE(authority_watch, AuthorityWatch::open({.runtime = *runtime,
                                                      .fleet = *fleet,
                                                      .trust = *trust,
                                                      .tasks = tasks,
                                                      .log = log,
                                                      .clock = clock,
                                                      .data_dir = config.data_dir}));
  witness->attach(rpc);
  collector->set_witness(&witness->witness());
  on_control([this] {
    authority_watch->start();
    cosigners = std::make_unique<Cosigners>(
        Cosigners::Parts{.runtime = *runtime,
                         .trust = *trust,
                         .peers = *peers,
                         .tasks = tasks,
                         .log = log,
                         .clock = clock,
                         .own = own_log,
                         .look = [this](Bytes note) { witness->watch().look(std::move(note)); }});
    cosigners->start();
    witness->start();
  });
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
