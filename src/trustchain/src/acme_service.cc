#include <algorithm>

#include "acme_service_core.h"

namespace i2::trustchain {
namespace {

constexpr std::size_t kExternalKeysMax = 10'000;

}  // namespace

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& one : names) {
    out += (out.empty() ? "" : ",") + one;
  }
  return out;
}

// --- requests ------------------------------------------------------------------------------------

void AcmeService::Core::count(const acme::Response& response) {
  ++counts.requests;
  constexpr int kClientError = 400;
  constexpr int kServerError = 500;
  counts.failed_requests += response.status >= kServerError ? 1 : 0;
  counts.refused_requests +=
      response.status >= kClientError && response.status < kServerError ? 1 : 0;
}

void AcmeService::Core::respond(const Request& request, std::function<void(acme::Response)> done) {
  bool writes = false;
  {
    const std::scoped_lock lock(mutex);
    if (!closed) {
      acme::Response response = server->handle({.method = request.method,
                                                .target = request.target,
                                                .content_type = request.content_type,
                                                .body = request.body},
                                               parts.clock.unix_now());
      count(response);
      if (response.waits_for != 0) {
        tickets.emplace(response.waits_for, std::move(done));
      } else {
        next.waiting.emplace_back(
            [done = std::move(done), response = std::move(response)](const Result<void>& kept) {
              done(kept ? response : acme::unavailable());
            });
      }
      done = nullptr;
      writes = collect();
    } else {
      count(acme::unavailable());
    }
  }
  if (done) {
    done(acme::unavailable());
  }
  if (writes) {
    write();
  }
}

// `make` in a job, under `mutex`: changes the server or puts something into `next`.
void AcmeService::Core::change(std::function<Result<void>()> make, const Done& done) {
  later([this, make = std::move(make), done] { change_now(make, done); },
        [done] { done(fail("trust.authority_stopped", "the ACME server is stopping")); });
}

void AcmeService::Core::change_now(const std::function<Result<void>()>& make, Done done) {
  bool writes = false;
  Result<void> made;
  {
    const std::scoped_lock lock(mutex);
    made =
        closed ? fail("store.failed", "the records of the ACME server cannot be written") : make();
    if (made) {
      next.waiting.emplace_back(std::exchange(done, nullptr));
      writes = collect();
    }
  }
  if (done) {
    done(std::move(made));
  }
  if (writes) {
    write();
  }
}

void AcmeService::Core::on_time() {
  bool writes = false;
  bool reopened = false;
  {
    const std::scoped_lock lock(mutex);
    if (closed && !writing) {
      reopened = load().has_value();
      counts.closed = closed;
    }
    if (!closed) {
      server->handle_time(parts.clock.unix_now());
      for (const std::string& order : std::exchange(deferred, {})) {
        server->handle_deferred(order);
      }
      writes = collect();
    }
  }
  if (reopened) {
    report({.kind = AcmeEvent::Kind::kReopened});
  }
  if (writes) {
    write();
  }
}

Result<void> AcmeService::Core::check_name(const acme::Account& /*account*/,
                                           std::string_view name) const {
  const std::string_view plain = name.substr(is_wildcard(name) ? 2 : 0);
  // RFC 6761 §6.3: it is every machine's own.
  if (!is_dns_name(name) || is_at_or_below(plain, "localhost")) {
    return fail("trust.request_name",
                "'" + std::string(name) + "' is no name that a certificate can have");
  }
  if (!parts.domains.empty() && std::ranges::none_of(parts.domains, [&](const auto& domain) {
        return is_at_or_below(plain, domain);
      })) {
    return fail("trust.request_name", "this authority does not issue certificates for '" +
                                          std::string(name) + "', only for " +
                                          joined(parts.domains) + " and what is below");
  }
  return {};
}

const crypto::SecretBytes* AcmeService::Core::external_key(std::string_view kid) const {
  const auto found = external_keys.find(kid);
  return found == external_keys.end() ? nullptr : &found->second.key;
}

// --- jobs ----------------------------------------------------------------------------------------

bool AcmeService::Core::enter() {
  const std::scoped_lock lock(mutex);
  running += stopping ? 0 : 1;
  return !stopping;
}

void AcmeService::Core::leave() {
  const std::scoped_lock lock(mutex);
  if (--running == 0) {
    idle.notify_all();
  }
}

void AcmeService::Core::later(std::function<void()> job, const std::function<void()>& otherwise) {
  if (enter()) {
    parts.post([core = shared_from_this(), job = std::move(job), otherwise] {
      if (core->enter()) {
        job();
        core->leave();
      } else if (otherwise) {
        otherwise();
      }
    });
    leave();
  } else if (otherwise) {  // `post` may be gone
    otherwise();
  }
}

void AcmeService::Core::stop() {
  std::vector<Waiting> waiting;
  decltype(tickets) open;
  {
    std::unique_lock lock(mutex);
    stopping = true;
    idle.wait(lock, [this] { return running == 0; });
    waiting.swap(next.waiting);
    open.swap(tickets);
    // Not with the last answer that still comes.
    server.reset();
    store.reset();
  }
  for (const Waiting& one : waiting) {
    one(fail("trust.authority_stopped", "the ACME server is stopping"));
  }
  for (const auto& [ticket, done] : open) {
    done(acme::unavailable());
  }
}

// --- AcmeService ---------------------------------------------------------------------------------

Result<std::unique_ptr<AcmeService>> AcmeService::open(Parts parts) {
  I2_TRY(acme::check(parts.options));
  auto core = std::make_shared<Core>(std::move(parts));
  I2_TRY(core->load());
  // What was under way goes on.
  core->later([raw = core.get()] { raw->on_time(); });
  return std::unique_ptr<AcmeService>(new AcmeService(std::move(core)));
}

AcmeService::~AcmeService() {
  core_->stop();
}

void AcmeService::handle(Request request, const std::function<void(acme::Response)>& done) {
  core_->later(
      [core = core_.get(), request = std::move(request), done] { core->respond(request, done); },
      [done] { done(acme::unavailable()); });
}

void AcmeService::handle_time() {
  core_->later([core = core_.get()] { core->on_time(); });
}

void AcmeService::stop() {
  core_->stop();
}

Result<std::vector<acme::Account>> AcmeService::accounts() const {
  std::vector<acme::Account> out;
  const std::scoped_lock lock(core_->mutex);
  if (core_->store == nullptr) {
    return fail("store.failed", "the records of the ACME server cannot be read");
  }
  I2_TRY(each_record(*core_->store, AcmeTable::kAccount, [&](ByteView record) -> Result<void> {
    I2_TRY_VALUE(out.emplace_back(), acme::decode_account(record));
    return {};
  }));
  return out;
}

Result<std::vector<acme::Order>> AcmeService::orders(std::string_view account) const {
  std::vector<acme::Order> out;
  const std::scoped_lock lock(core_->mutex);
  if (core_->store == nullptr) {
    return fail("store.failed", "the records of the ACME server cannot be read");
  }
  I2_TRY(each_record(*core_->store, AcmeTable::kOrder, [&](ByteView record) -> Result<void> {
    I2_TRY_VALUE(acme::Order order, acme::decode_order(record));
    if (order.account == account) {
      out.push_back(std::move(order));
    }
    return {};
  }));
  return out;
}

std::vector<AcmeService::ExternalKeyInfo> AcmeService::external_keys() const {
  const std::scoped_lock lock(core_->mutex);
  std::vector<ExternalKeyInfo> out;
  for (const auto& [kid, key] : core_->external_keys) {
    out.push_back({.kid = kid, .created = key.created});
  }
  return out;
}

void AcmeService::deactivate_account(std::string account, const Done& done) {
  const auto make = [core = core_.get(), account = std::move(account)]() -> Result<void> {
    if (core->server->deactivate_account(account)) {
      return {};
    }
    return fail("acme.account_unknown",
                "there is no account '" + account + "', or it is deactivated already");
  };
  core_->change(make, done);
}

void AcmeService::add_external_key(std::string kid, crypto::SecretBytes key, const Done& done) {
  // Shared: a std::function has to be copyable.
  auto made = std::make_shared<ExternalKey>(
      ExternalKey{.kid = std::move(kid), .key = std::move(key), .created = 0});
  const auto make = [core = core_.get(), made]() -> Result<void> {
    if (core->external_keys.contains(made->kid)) {
      return fail("acme.external_key_exists", "there is a key '" + made->kid + "' already");
    }
    if (core->external_keys.size() >= kExternalKeysMax) {
      return fail("acme.busy", "there are too many external keys: remove some");
    }
    made->created = core->parts.clock.unix_now();
    core->next.batch.put(acme_key(AcmeTable::kExternalKey, made->kid), encode(*made));
    std::string id = made->kid;
    core->external_keys.emplace(std::move(id), std::move(*made));
    return {};
  };
  core_->change(make, done);
}

void AcmeService::remove_external_key(std::string kid, const Done& done) {
  const auto make = [core = core_.get(), kid = std::move(kid)]() -> Result<void> {
    const auto found = core->external_keys.find(kid);
    if (found == core->external_keys.end()) {
      return fail("acme.external_key_unknown", "there is no key '" + kid + "'");
    }
    core->external_keys.erase(found);
    core->next.batch.erase(acme_key(AcmeTable::kExternalKey, kid));
    return {};
  };
  core_->change(make, done);
}

AcmeService::Stats AcmeService::stats() const {
  const std::scoped_lock lock(core_->mutex);
  Stats out = core_->counts;
  out.waiting = core_->checking.size() + core_->issuing.size() + core_->deferred.size();
  return out;
}

const acme::Options& AcmeService::options() const {
  return core_->parts.options;
}

}  // namespace i2::trustchain
