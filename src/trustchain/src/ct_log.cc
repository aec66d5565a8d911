#include <i2/crypto/hash.h>
#include <i2/trustchain/ct_log.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "log_writer.h"

namespace i2::trustchain {
namespace {

using Answer = LogClient::Done;

constexpr std::size_t kKnownMax = 4096;

struct Pooled {
  ct::Submission submission;
  std::vector<Bytes> issuers;  // that may not be stored yet
  std::size_t size = 0;
  Answer done;
};

// The submissions of a round, and who waits for each of them.
struct RoundBatch {
  std::vector<ct::Submission> submissions;
  std::vector<Bytes> issuers;
  std::vector<std::vector<Answer>> done;
};

std::size_t size_of(const ct::ChainSubmission& one) {
  std::size_t out = one.submission.certificate.size() + one.submission.precertificate.size();
  for (const Bytes& issuer : one.issuers) {
    out += issuer.size();
  }
  return out;
}

// What is forgotten is found out again.
void remember(std::set<Hash256>& known, std::span<const Hash256> more) {
  if (known.size() >= kKnownMax) {
    known.clear();
  }
  known.insert(more.begin(), more.end());
}

Error log_stopped(std::string_view why) {
  return {"trust.log_stopped",
          "the log takes nothing until it is opened again: " + std::string(why)};
}

}  // namespace

struct CtLog::Core : std::enable_shared_from_this<Core> {
  Core(Parts with, std::vector<ct::NoteKey> with_keys, std::optional<LogWriter> with_writer)
      : parts(std::move(with)), keys(std::move(with_keys)), writer(std::move(with_writer)) {}

  const Parts parts;
  const std::vector<ct::NoteKey> keys;

  std::mutex mutex;
  std::condition_variable idle;
  std::deque<Pooled> pool;
  std::size_t pool_size = 0;
  bool refresh = false;
  bool scheduled = false;  // a job is posted or running
  bool running = false;
  std::optional<Error> stopped;
  std::set<Hash256> issuers_known;  // some that are stored
  std::set<Hash256> links_known;    // some pairs of issuers of which the second signed the first
  std::shared_ptr<const LogView> view;
  Stats stats;

  std::optional<LogWriter> writer;  // of the job; none: the log is closed

  void add(ct::ChainSubmission one, Answer done);
  void add_chain(ct::EntryType type, std::span<const crypto::Certificate> chain,
                 const ct::IssuerCheck& is_issuer_of_first, Answer done);
  // crypto::is_signed_by(), which is slow, and whose answer never changes. Of issuers, who are few.
  bool is_issuer(const crypto::Certificate& of, const crypto::Certificate& issuer);
  void refuse(const Answer& done, const Error& why);
  void schedule(std::unique_lock<std::mutex> lock);
  void post_round() {
    parts.post([core = shared_from_this()] { core->run(); });
  }
  void run();
  [[nodiscard]] bool has_work() const { return !stopped && (!pool.empty() || refresh); }
  // What the next round is to have; false when there is nothing to do.
  bool take(std::deque<Pooled>& out);
  void round(std::deque<Pooled> taken);
  // Nothing is left of them where the log may not promise.
  void hold_back(std::deque<Pooled>& taken);
  void promise(const ct::LogEntry& entry, std::span<const Answer> done);
  // Answers those whose entry is there already; the others go from `taken` to `out`.
  Result<void> sort_out(std::deque<Pooled>& taken, RoundBatch& out);
  void refuse_all(const RoundBatch& batch, const Error& why);
  void publish(std::span<const Hash256> issuers);
  void break_off(const Error& why);
};

void CtLog::Core::refuse(const Answer& done, const Error& why) {
  {
    const std::scoped_lock lock(mutex);
    ++stats.refused;
  }
  done(fail(why));
}

void CtLog::Core::add(ct::ChainSubmission one, Answer done) {
  std::unique_lock lock(mutex);
  std::optional<Error> why = stopped;
  const std::size_t size = size_of(one);
  if (!why && (pool.size() >= kLogPoolMax || pool_size + size > kLogPoolSizeMax)) {
    why = Error("trust.log_busy", "too many certificates wait for the log: try again later");
  }
  if (why) {
    lock.unlock();
    refuse(done, *why);
    return;
  }
  std::size_t next = 0;
  std::erase_if(one.issuers, [&](const Bytes&) {
    return issuers_known.contains(one.submission.issuers[next++]);
  });
  pool_size += size;
  pool.push_back({.submission = std::move(one.submission),
                  .issuers = std::move(one.issuers),
                  .size = size,
                  .done = std::move(done)});
  schedule(std::move(lock));
}

void CtLog::Core::add_chain(ct::EntryType type, std::span<const crypto::Certificate> chain,
                            const ct::IssuerCheck& is_issuer_of_first, Answer done) {
  auto submission = ct::make_submission(
      type, chain, parts.roots(),
      [&](const crypto::Certificate& of, const crypto::Certificate& issuer) {
        return &of.der() == &chain.front().der() ? is_issuer_of_first(of, issuer)
                                                 : is_issuer(of, issuer);
      });
  if (!submission) {
    refuse(done, submission.error());
    return;
  }
  add(std::move(*submission), std::move(done));
}

bool CtLog::Core::is_issuer(const crypto::Certificate& of, const crypto::Certificate& issuer) {
  const Hash256 link = crypto::sha256({of.der(), issuer.der()});
  {
    const std::scoped_lock lock(mutex);
    if (links_known.contains(link)) {
      return true;
    }
  }
  if (!crypto::is_signed_by(of, issuer)) {
    return false;
  }
  const std::scoped_lock lock(mutex);
  remember(links_known, {&link, 1});
  return true;
}

void CtLog::Core::schedule(std::unique_lock<std::mutex> lock) {
  const bool start = !std::exchange(scheduled, true);
  lock.unlock();
  if (start) {
    post_round();
  }
}

bool CtLog::Core::take(std::deque<Pooled>& out) {
  const std::scoped_lock lock(mutex);
  running = has_work();
  if (!running) {
    scheduled = false;
    return false;
  }
  std::size_t issuers = 0;
  while (!pool.empty() && out.size() < ct::kRoundEntriesMax) {
    issuers += pool.front().issuers.size();
    if (issuers > ct::kRoundIssuersMax) {
      break;
    }
    pool_size -= pool.front().size;
    out.push_back(std::move(pool.front()));
    pool.pop_front();
  }
  return true;
}

void CtLog::Core::run() {
  std::deque<Pooled> taken;
  if (!take(taken)) {
    return;
  }
  round(std::move(taken));
  // The next one behind what waits for a thread already: the busier they are, the more a round has.
  const std::scoped_lock lock(mutex);
  running = false;
  idle.notify_all();
  scheduled = has_work();
  if (scheduled) {
    post_round();
  }
}

Result<void> CtLog::Core::sort_out(std::deque<Pooled>& taken, RoundBatch& out) {
  std::map<Hash256, std::size_t> places;
  std::set<Hash256> issuers;
  for (; !taken.empty(); taken.pop_front()) {
    Pooled& one = taken.front();
    const Hash256 key = ct::dedup_key(one.submission);
    if (const auto same = places.find(key); same != places.end()) {
      out.done[same->second].push_back(std::move(one.done));
      continue;
    }
    I2_TRY_VALUE(const auto known, parts.index.find(key));
    if (known) {
      promise({.submission = std::move(one.submission),
               .index = known->index,
               .timestamp = known->timestamp},
              {&one.done, 1});
      continue;
    }
    places.emplace(key, out.submissions.size());
    for (Bytes& issuer : one.issuers) {
      if (issuers.insert(crypto::sha256(issuer)).second) {
        out.issuers.push_back(std::move(issuer));
      }
    }
    out.submissions.push_back(std::move(one.submission));
    out.done.emplace_back().push_back(std::move(one.done));
  }
  return {};
}

void CtLog::Core::refuse_all(const RoundBatch& batch, const Error& why) {
  for (const auto& waiting : batch.done) {
    for (const Answer& done : waiting) {
      refuse(done, why);
    }
  }
}

void CtLog::Core::hold_back(std::deque<Pooled>& taken) {
  const auto may = taken.empty() || !parts.fence ? Result<void>() : parts.fence();
  if (!may) {
    for (const Pooled& one : std::exchange(taken, {})) {
      refuse(one.done, may.error());
    }
  }
}

void CtLog::Core::round(std::deque<Pooled> taken) {
  hold_back(taken);
  RoundBatch batch;
  if (const auto sorted = sort_out(taken, batch); !sorted) {
    break_off(sorted.error());
    refuse_all(batch, log_stopped(sorted.error().message()));
    for (const Pooled& one : taken) {
      refuse(one.done, log_stopped(sorted.error().message()));
    }
    return;
  }
  {
    const std::scoped_lock lock(mutex);
    if (batch.submissions.empty() && !refresh) {
      return;
    }
    refresh = false;
  }
  std::vector<Hash256> issuers;
  for (const ct::Submission& one : batch.submissions) {
    issuers.insert(issuers.end(), one.issuers.begin(), one.issuers.end());
  }
  const auto entries = writer->write(std::move(batch.submissions), std::move(batch.issuers));
  if (!entries) {
    if (writer->is_broken()) {
      break_off(entries.error());
    }
    refuse_all(batch,
               writer->is_broken() ? log_stopped(entries.error().message()) : entries.error());
    return;
  }
  publish(issuers);
  for (std::size_t i = 0; i < entries->size(); ++i) {
    promise((*entries)[i], batch.done[i]);
  }
}

void CtLog::Core::promise(const ct::LogEntry& entry, std::span<const Answer> done) {
  Result<Bytes> out =
      ct::make_sct(entry, *parts.key).transform([](const ct::Sct& sct) { return ct::encode(sct); });
  {
    const std::scoped_lock lock(mutex);
    (out ? stats.promises : stats.refused) += done.size();
  }
  for (const Answer& one : done) {
    one(out);
  }
}

void CtLog::Core::publish(std::span<const Hash256> issuers) {
  auto next = std::make_shared<const LogView>(writer->log(), writer->note(), parts.objects);
  {
    const std::scoped_lock lock(mutex);
    view = std::move(next);
    ++stats.rounds;
    remember(issuers_known, issuers);
  }
  if (parts.published) {
    parts.published();
  }
}

void CtLog::Core::break_off(const Error& why) {
  std::deque<Pooled> left;
  const Error reason = log_stopped(why.message());
  {
    const std::scoped_lock lock(mutex);
    stopped = reason;
    left = std::exchange(pool, {});
    pool_size = 0;
  }
  parts.stopped(why);
  for (const Pooled& one : left) {
    refuse(one.done, reason);
  }
}

Result<std::unique_ptr<CtLog>> CtLog::open(Parts parts, Mode mode) {
  I2_TRY_VALUE(LogWriter writer, LogWriter::open(parts, mode));
  std::vector<ct::NoteKey> keys;
  I2_TRY_VALUE(auto own, ct::NoteKey::make(parts.origin, ct::NoteKeyType::kTreeHead,
                                           parts.key->public_key()));
  keys.push_back(std::move(own));
  for (const ct::NoteSigner& cosigner : parts.cosigners) {
    keys.push_back(cosigner.key());
  }
  auto core = std::make_shared<Core>(std::move(parts), std::move(keys), std::move(writer));
  core->view = std::make_shared<const LogView>(core->writer->log(), core->writer->note(),
                                               core->parts.objects);
  return std::unique_ptr<CtLog>(new CtLog(std::move(core)));
}

Error log_restored() {
  return {"trust.log_restored",
          "the fleet's log was restored from a backup and signs nothing any more: make another the "
          "fleet's with `i2 ct activate`"};
}

Result<std::unique_ptr<CtLog>> CtLog::open_closed(Parts parts, std::vector<ct::NoteKey> keys) {
  if (keys.empty()) {
    return fail("trust.note_key", "a log has a key");
  }
  I2_TRY_VALUE(StoredLog stored, load_log(parts, keys.front()));
  auto core = std::make_shared<Core>(std::move(parts), std::move(keys), std::nullopt);
  core->view = std::make_shared<const LogView>(std::move(stored.log), std::move(stored.note),
                                               core->parts.objects);
  core->stopped = log_restored();
  return std::unique_ptr<CtLog>(new CtLog(std::move(core)));
}

bool CtLog::is_closed() const {
  return !core_->writer;
}

CtLog::~CtLog() {
  stop();
}

void CtLog::add(const crypto::Certificate& precertificate, std::vector<crypto::Certificate> chain,
                Answer done) {
  chain.insert(chain.begin(), precertificate);
  // The caller has just signed it: to verify that would take longer than the signature did.
  const auto is_next = [&chain](const crypto::Certificate&, const crypto::Certificate& issuer) {
    return chain.size() > 1 && issuer.der() == chain[1].der();
  };
  core_->add_chain(ct::EntryType::kPrecert, chain, is_next, std::move(done));
}

void CtLog::add_chain(ct::EntryType type, std::vector<crypto::Certificate> chain, Answer done) {
  core_->add_chain(type, chain, crypto::is_signed_by, std::move(done));
}

void CtLog::add_submission(ct::ChainSubmission submission, Answer done) {
  core_->add(std::move(submission), std::move(done));
}

void CtLog::refresh() {
  std::unique_lock lock(core_->mutex);
  if (!core_->stopped) {
    core_->refresh = true;
    core_->schedule(std::move(lock));
  }
}

void CtLog::stop() {
  std::deque<Pooled> left;
  const Error reason = log_stopped("this node is stopping");
  {
    std::unique_lock lock(core_->mutex);
    if (!core_->stopped) {
      core_->stopped = reason;
    }
    core_->idle.wait(lock, [this] { return !core_->running; });
    left = std::exchange(core_->pool, {});
    core_->pool_size = 0;
  }
  for (const Pooled& one : left) {
    core_->refuse(one.done, reason);
  }
}

std::shared_ptr<const LogView> CtLog::view() const {
  const std::scoped_lock lock(core_->mutex);
  return core_->view;
}

const LogIndex& CtLog::index() const {
  return core_->parts.index;
}

const CtLog::Parts& CtLog::parts() const {
  return core_->parts;
}

std::vector<ct::NoteKey> CtLog::keys() const {
  return core_->keys;
}

Result<void> CtLog::add_name(const crypto::Certificate& certificate,
                             const crypto::Certificate& issuer) {
  I2_TRY_VALUE(auto entry, crypto::precertificate_entry(certificate, issuer));
  I2_TRY_VALUE(const auto place,
               core_->parts.index.find(ct::dedup_key({.type = ct::EntryType::kPrecert,
                                                      .issuer_key_hash = entry.issuer_key_hash,
                                                      .certificate = std::move(entry.tbs),
                                                      .precertificate = {},
                                                      .issuers = {}})));
  if (!place) {
    return fail("trust.log_entry_invalid", "the certificate is not in the log");
  }
  return core_->parts.index.add_name(crypto::sha256(certificate.der()), place->index);
}

CtLog::Stats CtLog::stats() const {
  const std::scoped_lock lock(core_->mutex);
  Stats out = core_->stats;
  out.entries = core_->view->size();
  out.waiting = core_->pool.size();
  out.checkpoint = core_->view->head().timestamp;
  out.stopped = core_->stopped.has_value();
  return out;
}

}  // namespace i2::trustchain
