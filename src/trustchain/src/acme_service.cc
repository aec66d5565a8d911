#include <i2/crypto/hash.h>
#include <i2/store/key_value_store.h>
#include <i2/trustchain/acme_service.h>
#include <i2/wire/canonical.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

namespace i2::trustchain {
namespace {

constexpr std::uint16_t kExternalKeyVersion = 1;
constexpr std::size_t kKidSizeMax = 256;
constexpr std::size_t kMacKeySizeMax = 256;
constexpr std::size_t kExternalKeysMax = 10'000;
// Under way at once; the others wait in the server, which bounds them.
constexpr std::size_t kChecksMax = 256;
constexpr std::size_t kIssuancesMax = 256;

// The first byte of every key of the database; the id follows.
enum class AcmeTable : std::uint8_t {
  kAccount = 'a',
  kExternalKey = 'e',
  kOrder = 'o',
  kAuthorization = 'z',
};

AcmeTable table_of(acme::RecordKind kind) {
  switch (kind) {
    case acme::RecordKind::kAccount:
      return AcmeTable::kAccount;
    case acme::RecordKind::kAuthorization:
      return AcmeTable::kAuthorization;
    case acme::RecordKind::kOrder:
      return AcmeTable::kOrder;
  }
  std::unreachable();
}

Bytes acme_key(AcmeTable table, std::string_view id = {}) {
  Bytes out{static_cast<std::uint8_t>(table)};
  append(out, as_bytes(id));
  return out;
}

// Every record of a table, until one is not what it should be.
Result<void> each_record(const store::KeyValueStore& from, AcmeTable table,
                         const std::function<Result<void>(ByteView)>& take) {
  Result<void> out;
  I2_TRY(from.scan(acme_key(table), [&](ByteView, ByteView value) {
    out = take(value);
    return out.has_value();
  }));
  return out;
}

std::string requester_of(const acme::Issuance& wish) {
  return "acme:" + wish.account + "/" + wish.order;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& one : names) {
    out += (out.empty() ? "" : ",") + one;
  }
  return out;
}

// Exactly the names of the order, which were proven.
Application application_for(const acme::Issuance& wish) {
  constexpr std::size_t kCommonNameMax = 64;  // RFC 5280 appendix A.1, ub-common-name
  Application out{.profile = Profile::kServer,
                  .applicant = {.role = Requester::kAccount},
                  .requester = requester_of(wish),
                  .dns_names = wish.names};
  for (const std::string& one : wish.names) {
    if (is_wildcard(one)) {
      out.applicant.suffixes.push_back(one.substr(2));
    } else {
      out.applicant.names.push_back(one);
    }
    if (out.common_name.empty() && one.size() <= kCommonNameMax) {
      out.common_name = one;
    }
  }
  return out;
}

// The chain as TLS servers send it: without the root, which clients have (RFC 8446 §4.4.2).
acme::Issued answer_with(crypto::Certificate leaf, const std::vector<crypto::Certificate>& chain) {
  acme::Issued out{.chain = {std::move(leaf)}};
  for (const crypto::Certificate& one : chain) {
    if (!equal(one.subject(), one.issuer())) {
      out.chain.push_back(one);
    }
  }
  return out;
}

constexpr std::array<std::string_view, 5> kBadRequests{
    "trust.request_algorithm", "trust.request_extension", "trust.request_life",
    "trust.request_possession", "crypto.request_malformed"};

// What the order fails with, or nothing when another time may do.
std::optional<Error> final_error(const Error& error) {
  const auto as = [&](ErrorCode code) { return Error(code, error.message()); };
  if (error.is("trust.request_name")) {
    return as("acme.rejected_identifier");
  }
  if (std::ranges::contains(kBadRequests, error.code())) {
    return as("acme.bad_csr");
  }
  if (error.is("acme.caa") || error.is("acme.dns") || error.is("trust.lint") ||
      error.code().starts_with("crypto.")) {
    return error;
  }
  return std::nullopt;
}

Error acme_error(const Error& error) {
  if (error.is("trust.already_revoked")) {
    return {"acme.already_revoked", "the certificate is revoked already"};
  }
  return error;
}

}  // namespace

Bytes encode(const ExternalKey& key) {
  wire::CanonicalWriter w(kExternalKeyType, kExternalKeyVersion);
  w.text(key.kid);
  w.bytes(key.key.view());
  w.u64(key.created);
  return std::move(w).take();
}

Result<ExternalKey> decode_external_key(ByteView record) {
  wire::CanonicalReader r(record, kExternalKeyType, kExternalKeyVersion);
  ExternalKey out;
  out.kid = r.text(kKidSizeMax);
  out.key = crypto::SecretBytes(to_bytes(r.bytes(kMacKeySizeMax)));
  out.created = r.u64();
  if (!r.finish() || out.kid.empty() || out.key.empty()) {
    return fail("trust.record_invalid", "the record of an external key is malformed");
  }
  return out;
}

struct AcmeService::Core final : acme::Authority, std::enable_shared_from_this<Core> {
  using Waiting = std::function<void(const Result<void>&)>;
  struct Work {
    std::vector<acme::Validation> checks{};
    std::vector<acme::Issuance> issuances{};
    std::vector<acme::Revocation> revocations{};
    [[nodiscard]] bool empty() const {
      return checks.empty() && issuances.empty() && revocations.empty();
    }
  };
  // What goes to the disk at once, who waits for that, and what may begin after it.
  struct Group {
    store::Batch batch{};
    std::vector<Waiting> waiting{};
    Work work{};
    [[nodiscard]] bool empty() const {
      return batch.changes().empty() && waiting.empty() && work.empty();
    }
  };

  explicit Core(Parts given) : parts(std::move(given)) {}

  // acme::Authority; under `mutex`, by way of the server.
  [[nodiscard]] Result<void> check_name(const acme::Account& account,
                                        std::string_view name) const override;
  [[nodiscard]] const crypto::SecretBytes* external_key(std::string_view kid) const override;
  [[nodiscard]] std::optional<acme::RenewalInfo> renewal_info(const acme::CertificateId& id,
                                                              UnixMillis now) const override;

  [[nodiscard]] Result<void> load();
  // `job` in a job, or `otherwise` when stop() came first.
  void later(std::function<void()> job, const std::function<void()>& otherwise = {});
  [[nodiscard]] bool enter();
  void leave();

  void respond(const Request& request, std::function<void(acme::Response)> done);
  void change(std::function<Result<void>()> make, const Done& done);
  void change_now(const std::function<Result<void>()>& make, Done done);
  void on_time();
  // Under `mutex`: takes what the server has changed. True: the caller calls write().
  [[nodiscard]] bool collect();
  void write();
  [[nodiscard]] bool take(Group& group);  // under `mutex`
  void close(const Group& lost, const Error& why);
  void begin(Work work);

  void checked(const acme::Validation& validation, Result<void> outcome);
  void issue(const acme::Issuance& wish);
  [[nodiscard]] Result<std::optional<acme::Issued>> issued_before(const acme::Issuance& wish) const;
  void issued(const acme::Issuance& wish, Result<acme::Issued> outcome);
  [[nodiscard]] Result<void> take_back(const acme::Revocation& revocation) const;
  void revoke(const acme::Revocation& revocation);
  void count(const acme::Response& response);  // under `mutex`
  void stop();
  void report(const AcmeEvent& event) const {
    if (parts.report) {
      parts.report(event);
    }
  }

  const Parts parts;
  mutable std::mutex mutex;  // the rest
  std::unique_ptr<store::KeyValueStore> store;
  std::unique_ptr<acme::Server> server;
  std::map<std::string, ExternalKey, std::less<>> external_keys;
  Group next;
  bool writing = false;  // somebody is in write(), and nobody else touches `store`
  bool closed = true;    // `store` cannot be written
  std::set<std::string> checking;
  std::set<std::string> issuing;
  std::set<std::string> deferred;  // orders, until on_time()
  std::map<std::uint64_t, std::function<void(acme::Response)>> tickets;
  Stats counts;
  std::size_t running = 0;  // jobs
  bool stopping = false;
  std::condition_variable idle;
};

// --- records -------------------------------------------------------------------------------------

Result<void> AcmeService::Core::load() {
  store.reset();
  I2_TRY_VALUE(auto opened,
               store::KeyValueStore::open(parts.dir, store::KeyValueStore::Mode::kCreate));
  auto fresh = std::make_unique<acme::Server>(parts.options, *this, parts.rng);
  for (const AcmeTable table :
       {AcmeTable::kAccount, AcmeTable::kAuthorization, AcmeTable::kOrder}) {
    I2_TRY(each_record(*opened, table, [&](ByteView record) { return fresh->restore(record); }));
  }
  std::map<std::string, ExternalKey, std::less<>> keys;
  I2_TRY(each_record(*opened, AcmeTable::kExternalKey, [&](ByteView record) -> Result<void> {
    I2_TRY_VALUE(ExternalKey key, decode_external_key(record));
    std::string kid = key.kid;
    keys.insert_or_assign(std::move(kid), std::move(key));
    return {};
  }));
  fresh->resume(parts.clock.unix_now());
  store = std::move(opened);
  server = std::move(fresh);
  external_keys = std::move(keys);
  deferred.clear();  // resume() asks for them again
  closed = false;
  return {};
}

bool AcmeService::Core::collect() {
  while (auto changed = server->poll_change()) {
    Bytes key = acme_key(table_of(changed->kind), changed->id);
    if (changed->record.empty()) {
      next.batch.erase(std::move(key));
    } else {
      next.batch.put(std::move(key), std::move(changed->record));
    }
  }
  return !std::exchange(writing, true);
}

bool AcmeService::Core::take(Group& group) {
  if (stopping || closed) {
    return false;
  }
  // One that is under way already was asked for again by load().
  while (checking.size() < kChecksMax) {
    auto one = server->poll_validation();
    if (!one) {
      break;
    }
    if (checking.insert(one->authorization).second) {
      next.work.checks.push_back(*std::move(one));
    }
  }
  while (issuing.size() < kIssuancesMax) {
    auto one = server->poll_issuance();
    if (!one) {
      break;
    }
    if (issuing.insert(one->order).second) {
      next.work.issuances.push_back(*std::move(one));
    }
  }
  while (auto one = server->poll_revocation()) {
    next.work.revocations.push_back(*std::move(one));
  }
  group = std::exchange(next, {});
  return !group.empty();
}

void AcmeService::Core::write() {
  for (;;) {
    Group group;
    {
      const std::scoped_lock lock(mutex);
      if (!take(group)) {
        writing = false;
        return;
      }
    }
    const auto kept = group.batch.changes().empty() ? Result<void>() : store->commit(group.batch);
    if (!kept) {
      close(group, kept.error());
    }
    for (const Waiting& one : group.waiting) {
      one(kept);
    }
    if (kept) {
      begin(std::move(group.work));
    }
  }
}

// What is in memory may differ from what is on disk now, so that nobody may see it.
void AcmeService::Core::close(const Group& lost, const Error& why) {
  Group unwritten;
  decltype(tickets) open;
  {
    const std::scoped_lock lock(mutex);
    closed = true;
    counts.closed = true;
    unwritten = std::exchange(next, {});
    open.swap(tickets);
    for (const Work* const work : {&lost.work, &std::as_const(unwritten).work}) {
      for (const acme::Validation& one : work->checks) {
        checking.erase(one.authorization);
      }
      for (const acme::Issuance& one : work->issuances) {
        issuing.erase(one.order);
      }
    }
  }
  for (const Waiting& one : unwritten.waiting) {
    one(fail(why));
  }
  for (const auto& [ticket, done] : open) {
    done(acme::unavailable());
  }
  report({.kind = AcmeEvent::Kind::kClosed, .error = why});
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

// Around two thirds of the life (RFC 9773 §4.1), or at once.
std::optional<acme::RenewalInfo> AcmeService::Core::renewal_info(const acme::CertificateId& id,
                                                                 UnixMillis /*now*/) const {
  const auto record = parts.certificates.find(id.serial);
  if (!record || !*record || (*record)->state != RecordState::kIssued) {
    return std::nullopt;
  }
  const Intent& intent = (*record)->intent;
  const auto leaf = crypto::Certificate::from_der((*record)->certificate);
  const auto revoked = parts.certificates.revocation(intent.issuer_key_hash, id.serial);
  if (!leaf || !revoked || !equal(leaf->authority_key_id(), id.authority_key_id)) {
    return std::nullopt;
  }
  if (*revoked) {
    const UnixMillis at = (*revoked)->revoked_at;
    return acme::RenewalInfo{.start = at - 1000, .end = at};
  }
  const UnixMillis life = intent.not_after - intent.not_before;
  const UnixMillis middle = intent.not_before + life * 2 / 3;
  return acme::RenewalInfo{.start = middle - life / 24, .end = middle + life / 24};
}

// --- what others do ------------------------------------------------------------------------------

void AcmeService::Core::begin(Work work) {
  for (const acme::Validation& one : work.checks) {
    parts.check(one, [core = shared_from_this(), one](Result<void> outcome) {
      core->later([core, one, outcome] { core->checked(one, outcome); });
    });
  }
  for (acme::Issuance& one : work.issuances) {
    std::vector<std::string> names = one.names;
    parts.check_caa(std::move(names),
                    [core = shared_from_this(), one = std::move(one)](Result<void> outcome) {
                      core->later([core, one, outcome] {
                        if (outcome) {
                          core->issue(one);
                        } else {
                          core->issued(one, fail(outcome.error()));
                        }
                      });
                    });
  }
  for (const acme::Revocation& one : work.revocations) {
    revoke(one);
  }
}

void AcmeService::Core::checked(const acme::Validation& validation, Result<void> outcome) {
  bool writes = false;
  {
    const std::scoped_lock lock(mutex);
    checking.erase(validation.authorization);
    if (outcome) {
      ++counts.validations;
    } else {
      ++counts.failed_validations[outcome.error().code()];
    }
    if (!closed) {
      server->handle_validation(validation.authorization, outcome, parts.clock.unix_now());
      writes = collect();
    }
  }
  report({.kind = outcome ? AcmeEvent::Kind::kValidated : AcmeEvent::Kind::kValidationFailed,
          .about = validation.name,
          .error = outcome ? std::nullopt : std::optional(outcome.error())});
  if (writes) {
    write();
  }
}

Result<std::optional<acme::Issued>> AcmeService::Core::issued_before(
    const acme::Issuance& wish) const {
  I2_TRY_VALUE(const auto page, parts.certificates.list({.requester = requester_of(wish)}));
  for (const CertificateRecord& record : page.records) {
    if (record.state == RecordState::kIssued) {
      // It can be read before it is on disk, and also when it never came there.
      I2_TRY(parts.certificates.sync());
      I2_TRY_VALUE(auto leaf, crypto::Certificate::from_der(record.certificate));
      I2_TRY_VALUE(const auto chain, parts.certificates.issuer(record.intent.issuer_key_hash));
      return answer_with(std::move(leaf), chain);
    }
  }
  return std::nullopt;
}

void AcmeService::Core::issue(const acme::Issuance& wish) {
  auto before = issued_before(wish);
  if (!before || *before) {
    issued(wish, before ? Result<acme::Issued>(**std::move(before)) : fail(before.error()));
    return;
  }
  auto request = crypto::CertificateRequest::from_der(wish.request);
  if (!request) {
    issued(wish, fail(request.error()));
    return;
  }
  parts.issue(*std::move(request), application_for(wish),
              [core = shared_from_this(), wish](const Result<trustchain::Issued>& made) {
                core->later([raw = core.get(), wish, made] {
                  raw->issued(wish, made ? answer_with(made->certificate, made->signer->chain)
                                         : Result<acme::Issued>(fail(made.error())));
                });
              });
}

void AcmeService::Core::issued(const acme::Issuance& wish, Result<acme::Issued> outcome) {
  AcmeEvent event{.kind = AcmeEvent::Kind::kIssued,
                  .about = joined(wish.names),
                  .requester = requester_of(wish)};
  bool writes = false;
  {
    const std::scoped_lock lock(mutex);
    issuing.erase(wish.order);
    if (outcome) {
      event.serial = to_hex(outcome->chain.front().serial());
      ++counts.issued;
      if (!closed) {
        server->handle_issued(wish.order, *outcome, parts.clock.unix_now());
      }
    } else if (const auto final = final_error(outcome.error())) {
      event.kind = AcmeEvent::Kind::kRefused;
      event.error = outcome.error();
      ++counts.refused_orders;
      if (!closed) {
        server->handle_refused(wish.order, *final);
      }
    } else {
      event.kind = AcmeEvent::Kind::kDeferred;
      event.error = outcome.error();
      deferred.insert(wish.order);
    }
    writes = !closed && collect();
  }
  report(event);
  if (writes) {
    write();
  }
}

// Anybody can make a certificate that bears one of our serial numbers: only what was issued, byte
// for byte, is taken back.
Result<void> AcmeService::Core::take_back(const acme::Revocation& revocation) const {
  I2_TRY_VALUE(const auto record,
               parts.certificates.find_fingerprint(crypto::sha256(revocation.certificate.der())));
  if (!record) {
    return fail("acme.not_found", "this authority did not issue the certificate");
  }
  const auto reason = crypto::revocation_reason(revocation.reason);
  if (!reason) {
    return fail("acme.bad_revocation_reason", "there is no such reason");
  }
  const std::string actor =
      "acme:" + (revocation.account.empty() ? "key of the certificate" : revocation.account);
  return parts.revocations.revoke(record->intent.serial, *reason, actor)
      .transform([](const RevokedCertificate&) {});
}

// In write(), so that the server is the one that gave the ticket.
void AcmeService::Core::revoke(const acme::Revocation& revocation) {
  const auto outcome = take_back(revocation).transform_error(acme_error);
  std::function<void(acme::Response)> done;
  acme::Response response;
  {
    const std::scoped_lock lock(mutex);
    response = server->handle_revoked(revocation.ticket, outcome);
    if (!outcome && outcome.error().code().starts_with("store.")) {
      response = acme::unavailable();  // where the authority's disk is full is not for clients
    }
    count(response);
    --counts.requests;  // it was counted when it came
    counts.revoked += outcome ? 1 : 0;
    if (auto found = tickets.extract(revocation.ticket)) {
      done = std::move(found.mapped());
    }
  }
  if (outcome) {
    report({.kind = AcmeEvent::Kind::kRevoked,
            .requester = "acme:" + revocation.account,
            .serial = to_hex(revocation.certificate.serial())});
  }
  if (done) {
    done(std::move(response));
  }
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
