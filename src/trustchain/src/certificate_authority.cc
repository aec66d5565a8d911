#include <i2/trustchain/certificate_authority.h>
#include <i2/trustchain/core/ct/log_entry.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <set>

namespace i2::trustchain {
namespace {

using Done = CertificateAuthority::Done;

std::unexpected<Error> stopped() {
  return fail("trust.authority_stopped", "the certificate authority is stopping");
}

struct Request {
  crypto::CertificateRequest csr;
  Application application;
  Done done;
};

struct Item {
  Request request{};
  Intent intent{};
  crypto::Certificate made{};  // precertificate, then certificate
  Bytes sct{};
  std::optional<Error> error{};
};

// A batch on its way. Before the log has answered, one thread at a time has it; an answer touches
// its own item only.
struct Flight {
  SignerPtr signer;
  std::vector<Item> items;
  std::atomic<std::size_t> unanswered = 0;
};
using FlightPtr = std::shared_ptr<Flight>;  // shared: with the answers of the log

AuditEntry audit_of(const Item& item, UnixMillis now) {
  const Application& wish = item.request.application;
  AuditEntry out{.at = now, .actor = wish.requester, .action = "issue"};
  if (item.error) {
    out.subject = wish.common_name;
    out.outcome = AuditOutcome::kRefused;
    out.rule = item.error->to_string();
  } else {
    out.subject = to_hex(item.intent.serial);
    out.rule = info(wish.profile).name;
  }
  return out;
}

std::optional<std::uint64_t> log_index_of(ByteView sct) {
  const auto decoded = ct::decode_sct(sct);
  if (!decoded) {
    return std::nullopt;
  }
  const auto index = ct::read_leaf_index(decoded->extensions);
  return index ? std::optional(*index) : std::nullopt;
}

}  // namespace

struct CertificateAuthority::Core : std::enable_shared_from_this<Core> {
  // The requests for one kind of key.
  struct Line {
    std::deque<Request> waiting;
    std::size_t posted = 0;     // jobs that will take from `waiting`
    std::size_t starting = 0;   // jobs that have taken, and sign
    std::size_t under_way = 0;  // batches that have been taken
  };

  explicit Core(Parts given) : parts(std::move(given)) {}

  void issue(Request request);
  [[nodiscard]] Result<void> admit(const Request& request);
  [[nodiscard]] Result<void> check_rate(const std::string& requester);
  void schedule(IssuerKind kind);  // under `mutex`
  void start(IssuerKind kind);
  [[nodiscard]] FlightPtr take(IssuerKind kind);
  [[nodiscard]] Result<void> record_intents(Flight& flight);
  void make_precertificates(Flight& flight) const;
  void ask_log(const FlightPtr& flight);
  void answered(const FlightPtr& flight);
  void finish(const FlightPtr& flight);
  [[nodiscard]] CertificateRecord complete(Item& item, const Signer& signer) const;
  void answer(const FlightPtr& flight);
  void left();  // a job has ended
  void stop();

  [[nodiscard]] std::size_t batch_max(IssuerKind kind) const {
    return kind == IssuerKind::kAnchor ? parts.limits.anchor_batch_max : parts.limits.batch_max;
  }
  [[nodiscard]] Line& line(IssuerKind kind) { return lines.at(static_cast<std::size_t>(kind)); }

  const Parts parts;
  mutable std::mutex mutex;  // the rest
  std::array<Line, 2> lines;
  std::set<FlightPtr> flights;  // those that the log has and that are being finished
  std::map<std::string, acme::RateMeter, std::less<>> rates;
  acme::RateMeter global_rate;
  Stats stats;
  std::size_t running = 0;  // jobs
  bool stopping = false;
  std::condition_variable idle;
};

void CertificateAuthority::Core::issue(Request request) {
  const IssuerKind kind = issuer_kind(request.application.profile);
  Result<void> admitted;
  {
    const std::scoped_lock lock(mutex);
    admitted = admit(request);
    if (admitted) {
      line(kind).waiting.push_back(std::move(request));
      schedule(kind);
      return;
    }
  }
  request.done(fail(std::move(admitted).error()));
}

// Under `mutex`.
Result<void> CertificateAuthority::Core::admit(const Request& request) {
  const IssuerKind kind = issuer_kind(request.application.profile);
  if (stopping) {
    return stopped();
  }
  if (parts.issuers.current(kind, parts.clock.unix_now()) == nullptr) {
    return fail("trust.no_issuer", "this node has no key that signs such certificates");
  }
  if (line(kind).waiting.size() >= parts.limits.waiting_max) {
    ++stats.refused;
    return fail("trust.overloaded", "too many requests for certificates are waiting; try again");
  }
  auto within = check_rate(request.application.requester);
  stats.refused += within ? 0 : 1;
  return within;
}

// Under `mutex`. By the clock that is never set, so that setting the other one locks nobody out.
Result<void> CertificateAuthority::Core::check_rate(const std::string& requester) {
  const AuthorityLimits& limits = parts.limits;
  const UnixMillis now = parts.clock.now() / kMillisecond;
  if (rates.size() >= limits.requesters_max) {
    std::erase_if(rates, [&](const auto& one) { return one.second.is_idle(now); });
  }
  if (rates.size() >= limits.requesters_max && !rates.contains(requester)) {
    return fail("trust.rate_limited", "too many requesters at once; try again later");
  }
  acme::RateMeter& own = rates[requester];
  const UnixMillis wait =
      std::max(own.wait(limits.per_requester, now), global_rate.wait(limits.global, now));
  if (wait > 0) {
    return fail("trust.rate_limited", "'" + requester + "' may ask for its next certificate in " +
                                          std::to_string((wait + 999) / 1000) + " s");
  }
  own.take(limits.per_requester, now);
  global_rate.take(limits.global, now);
  return {};
}

void CertificateAuthority::Core::schedule(IssuerKind kind) {
  Line& one = line(kind);
  // A second job only when there is more than the first one takes.
  while (!stopping && one.waiting.size() > one.posted * batch_max(kind) &&
         one.posted + one.starting < parts.limits.parallel &&
         one.posted + one.under_way < parts.limits.batches_max) {
    ++one.posted;
    parts.post([core = shared_from_this(), kind] { core->start(kind); });
  }
}

FlightPtr CertificateAuthority::Core::take(IssuerKind kind) {
  const std::scoped_lock lock(mutex);
  Line& one = line(kind);
  if (stopping) {
    return nullptr;
  }
  --one.posted;
  auto flight = std::make_shared<Flight>();
  flight->signer = parts.issuers.current(kind, parts.clock.unix_now());
  for (; !one.waiting.empty() && flight->items.size() < batch_max(kind); one.waiting.pop_front()) {
    flight->items.push_back({.request = std::move(one.waiting.front())});
  }
  if (flight->items.empty()) {
    return nullptr;
  }
  ++one.starting;
  ++one.under_way;
  ++stats.batches;
  ++running;
  flights.insert(flight);
  return flight;
}

void CertificateAuthority::Core::start(IssuerKind kind) {
  const FlightPtr flight = take(kind);
  if (flight == nullptr) {
    return;
  }
  if (auto recorded = record_intents(*flight); !recorded) {
    for (Item& item : flight->items) {
      item.error = item.error ? item.error : recorded.error();
    }
  }
  make_precertificates(*flight);
  {
    const std::scoped_lock lock(mutex);
    --line(kind).starting;
    schedule(kind);
  }
  ask_log(flight);
  left();
}

Result<void> CertificateAuthority::Core::record_intents(Flight& flight) {
  const UnixMillis now = parts.clock.unix_now();
  std::vector<Intent> intents;
  std::vector<AuditEntry> audit;
  for (Item& item : flight.items) {
    Application& wish = item.request.application;
    wish.now = now;
    wish.serial = random_certificate_serial();
    wish.crl_url = parts.issuers.crl_url(*flight.signer, crl_shard(wish.serial));
    wish.logged = parts.log != nullptr;
    I2_TRY_VALUE(const auto taken, parts.store.find(wish.serial));
    if (taken) {
      return fail("trust.serial_taken",
                  "a random serial number came twice: the generator is broken");
    }
    auto decided = decide(item.request.csr, flight.signer->issuer, wish);
    if (decided) {
      item.intent = *std::move(decided);
      intents.push_back(item.intent);
    } else {
      item.error = std::move(decided).error();
    }
    audit.push_back(audit_of(item, now));
  }
  return intents.empty() ? parts.store.note(audit) : parts.store.begin(intents, audit);
}

void CertificateAuthority::Core::make_precertificates(Flight& flight) const {
  const Issuer& issuer = flight.signer->issuer;
  for (Item& item : flight.items) {
    if (item.error) {
      continue;
    }
    auto made =
        prepare(item.intent, item.request.csr.public_key(), issuer)
            .and_then([&](const crypto::Certificate& prepared) { return sign(prepared, issuer); });
    if (made) {
      item.made = *std::move(made);
    } else {
      item.error = std::move(made).error();
    }
  }
}

void CertificateAuthority::Core::ask_log(const FlightPtr& flight) {
  flight->unanswered = flight->items.size() + 1;  // and this function
  for (Item& item : flight->items) {
    if (item.error || parts.log == nullptr) {
      answered(flight);
      continue;
    }
    parts.log->add(item.made, flight->signer->chain,
                   [core = shared_from_this(), flight, &item](Result<Bytes> sct) {
                     if (sct) {
                       item.sct = *std::move(sct);
                     } else {
                       item.error = std::move(sct).error();
                     }
                     core->answered(flight);
                   });
  }
  answered(flight);
}

void CertificateAuthority::Core::answered(const FlightPtr& flight) {
  if (--flight->unanswered != 0) {
    return;
  }
  const std::scoped_lock lock(mutex);
  if (flights.contains(flight)) {  // else stop() has answered, and `post` may be gone
    parts.post([core = shared_from_this(), flight] { core->finish(flight); });
  }
}

CertificateRecord CertificateAuthority::Core::complete(Item& item, const Signer& signer) const {
  CertificateRecord out{
      .intent = item.intent, .state = RecordState::kFailed, .changed_at = parts.clock.unix_now()};
  if (!item.error && item.intent.logged) {
    auto made =
        trustchain::complete(item.intent, item.made, std::span(&item.sct, 1), signer.issuer);
    if (made) {
      item.made = *std::move(made);
      out.log_index = log_index_of(item.sct);
    } else {
      item.error = std::move(made).error();
    }
  }
  if (!item.error) {
    out.state = RecordState::kIssued;
    out.certificate = item.made.der();
  }
  return out;
}

void CertificateAuthority::Core::finish(const FlightPtr& flight) {
  {
    const std::scoped_lock lock(mutex);
    if (!flights.contains(flight)) {
      return;  // stop() has answered
    }
    ++running;
  }
  std::vector<CertificateRecord> records;
  std::vector<AuditEntry> audit;
  for (Item& item : flight->items) {
    if (item.intent.serial.empty()) {
      continue;  // refused
    }
    records.push_back(complete(item, *flight->signer));
    if (item.error) {
      audit.push_back({.at = records.back().changed_at,
                       .actor = item.intent.requester,
                       .action = "issue",
                       .subject = to_hex(item.intent.serial),
                       .outcome = AuditOutcome::kFailed,
                       .rule = item.error->to_string()});
    }
  }
  if (!records.empty()) {
    if (const auto stored = parts.store.finish(records, audit); !stored) {
      for (Item& item : flight->items) {
        item.error = item.error ? item.error : stored.error();
      }
    }
  }
  answer(flight);
  left();
}

void CertificateAuthority::Core::answer(const FlightPtr& flight) {
  {
    const std::scoped_lock lock(mutex);
    flights.erase(flight);
    for (const Item& item : flight->items) {
      ++(!item.error ? stats.issued : item.intent.serial.empty() ? stats.refused : stats.failed);
    }
    --line(flight->signer->kind).under_way;
    schedule(flight->signer->kind);
  }
  for (Item& item : flight->items) {
    if (item.error) {
      item.request.done(fail(*std::move(item.error)));
    } else {
      item.request.done(Issued{.certificate = std::move(item.made),
                               .signer = flight->signer,
                               .sct = std::move(item.sct)});
    }
  }
}

void CertificateAuthority::Core::left() {
  const std::scoped_lock lock(mutex);
  if (--running == 0) {
    idle.notify_all();
  }
}

void CertificateAuthority::Core::stop() {
  std::vector<Done> unanswered;
  {
    std::unique_lock lock(mutex);
    stopping = true;
    idle.wait(lock, [this] { return running == 0; });
    for (Line& one : lines) {
      for (Request& request : one.waiting) {
        unanswered.push_back(std::move(request.done));
      }
      one.waiting.clear();
    }
    for (const FlightPtr& flight : flights) {
      for (Item& item : flight->items) {
        unanswered.push_back(std::move(item.request.done));
      }
    }
    flights.clear();
  }
  for (const Done& done : unanswered) {
    done(stopped());
  }
}

CertificateAuthority::CertificateAuthority(Parts parts)
    : core_(std::make_shared<Core>(std::move(parts))) {}

CertificateAuthority::~CertificateAuthority() {
  stop();
}

void CertificateAuthority::issue(crypto::CertificateRequest request, Application application,
                                 Done done) {
  core_->issue(
      {.csr = std::move(request), .application = std::move(application), .done = std::move(done)});
}

void CertificateAuthority::stop() {
  core_->stop();
}

CertificateAuthority::Stats CertificateAuthority::stats() const {
  const std::scoped_lock lock(core_->mutex);
  Stats out = core_->stats;
  for (const Core::Line& one : core_->lines) {
    out.waiting += one.waiting.size();
  }
  return out;
}

}  // namespace i2::trustchain
