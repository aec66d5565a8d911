// The wiring of what compose.cc starts for trust: the transparency log, the authority, ACME, the
// renewals, the witness.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include "node_impl.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

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

}  // namespace i2::node
