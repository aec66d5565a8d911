#include "head_watch.h"

#include <i2/node/witness.pb.h>

#include <algorithm>

#include "on_link.h"
#include "protobuf.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;

constexpr std::string_view kConsistency = "trust.Log/Consistency";
constexpr std::size_t kLooksMax = 8;
constexpr std::size_t kHeadsWaitingMax = 16;
constexpr std::size_t kHeadsSeenMax = 256;

// The log is not there now; another time it may be.
bool is_absence(const Error& error) {
  return error.code().starts_with("stoq.") || error.code().starts_with("node.") ||
         error.is("trust.log_restored");
}

}  // namespace

Result<std::optional<KnownLog>> fleet_log(const fleet::TrustStore& trust, std::string_view origin) {
  const auto members = trust.members();
  I2_TRY_VALUE(const auto record, members->trust().log());
  if (!record || (!origin.empty() && record->origin != origin)) {
    return std::nullopt;
  }
  I2_TRY_VALUE(KnownLog log, known_log(*record));
  return log;
}

bool HeadWatch::is_own(const KnownLog& log) const {
  const trustchain::CtLog* const own = parts_.own.get();
  return own != nullptr && own->keys().front().vkey() == log.keys.back().vkey();
}

std::optional<ct::SignedCheckpoint> HeadWatch::newest(const KnownLog& log) const {
  if (is_own(log)) {
    auto own = ct::parse_signed_checkpoint(parts_.own.get()->view()->note());
    return own ? std::optional(*std::move(own)) : std::nullopt;
  }
  auto out = parts_.witness.last(log);
  const std::scoped_lock lock(mutex_);
  if (newest_ && newest_of_ == id_of(log) &&
      (!out || newest_->checkpoint.head.size > out->checkpoint.head.size)) {
    out = newest_;
  }
  return out;
}

void HeadWatch::look(Bytes note) {
  if (!note.empty() && looking_ < kLooksMax) {
    start(std::move(note));
  }
}

void HeadWatch::start(Bytes note) {
  ++looking_;
  parts_.tasks.spawn(parts_.runtime.control(), look_now(std::move(note)));
}

void HeadWatch::look_at_evidence(Bytes evidence) {
  if (looking_ < kLooksMax) {
    ++looking_;
    parts_.tasks.spawn(parts_.runtime.control(), judge_evidence(std::move(evidence)));
  }
}

void HeadWatch::cosigned() {
  std::optional<Head> seen;
  {
    const std::scoped_lock lock(mutex_);
    seen = std::exchange(newest_, std::nullopt);
  }
  if (seen) {
    seen_.erase(seen->note.text);
    start(to_bytes(as_bytes(encode(seen->note))));
  }
}

void HeadWatch::retry() {
  const auto log = fleet_log(parts_.trust).value_or(std::nullopt);
  if (log && !unproven_.empty() && unproven_of_ != id_of(*log)) {
    unproven_.clear();
    unproven_text_.clear();
  }
  for (Bytes& note : std::exchange(waiting_, {})) {
    look(std::move(note));
  }
}

Task<> HeadWatch::look_now(Bytes note) {
  struct Read {
    Head head;
    KnownLog log;
  };
  const auto read = [this, &note]() -> std::optional<Read> {
    auto head = ct::parse_signed_checkpoint(as_text(note));
    auto log = head ? fleet_log(parts_.trust, head->checkpoint.origin)
                    : Result<std::optional<KnownLog>>(std::nullopt);
    if (!log || !*log || !is_head_of(*head, **log)) {
      return std::nullopt;
    }
    return Read{.head = *std::move(head), .log = **std::move(log)};
  };
  auto found = co_await rt::run_on(parts_.runtime.pool(), read);
  if (found && !seen_.contains(found->head.note.text)) {
    const std::string text = found->head.note.text;
    const auto size = found->head.checkpoint.head.size;
    std::string log_id = id_of(found->log);
    const auto compared = co_await compare(std::move(found->head), std::move(found->log));
    if (compared) {
      if (unproven_text_ == text) {
        unproven_.clear();
        unproven_text_.clear();
      }
    } else if (is_absence(compared.error())) {
      if (waiting_.size() < kHeadsWaitingMax && !std::ranges::contains(waiting_, note)) {
        waiting_.push_back(std::move(note));
      }
    } else if (unproven_text_ != text) {
      unproven_ = compared.error().message();
      unproven_text_ = text;
      unproven_of_ = std::move(log_id);
      parts_.log.error("trust", "log_unproven", "the log signed a head for which it shows no proof",
                       {{"size", size}, {"error", compared.error().to_string()}});
    }
  }
  --looking_;
}

Task<Result<void>> HeadWatch::compare(Head head, KnownLog log) {
  const auto reference = newest(log);
  if (!reference || reference->note.text == head.note.text) {
    remember(head, log);
    co_return Result<void>();
  }
  const bool newer = head.checkpoint.head.size > reference->checkpoint.head.size;
  const Head& small = newer ? *reference : head;
  const Head& large = newer ? head : *reference;
  const ct::TreeHead& then = small.checkpoint.head;
  const ct::TreeHead& now = large.checkpoint.head;
  Proven proven{.old_root = now.root, .proof = {}};
  if (then.size < now.size && then.size > 0) {
    auto answer = co_await prove(log, then.size, now.size);
    if (!answer) {
      co_return fail(std::move(answer).error());
    }
    proven = *std::move(answer);
    I2_CO_TRY(
        ct::verify_consistency({.size = then.size, .root = proven.old_root}, now, proven.proof));
  }
  if (then.size == 0 || proven.old_root == then.root) {
    remember(head, log);
    co_return Result<void>();
  }
  const auto evidence = ct::split_view(small, large, proven.old_root, proven.proof, log.keys);
  if (!evidence) {
    co_return fail("trust.proof_invalid", "the two heads contradict each other, without a proof");
  }
  const auto keep = [&] { return parts_.witness.convict(*evidence, log); };
  const auto kept = co_await rt::run_on(parts_.runtime.pool(), keep);
  if (!kept) {
    parts_.log.error("trust", "evidence_not_kept", kept.error().to_string());
  } else if (*kept) {
    convicted();
  }
  co_return Result<void>();
}

void HeadWatch::remember(const Head& head, const KnownLog& log) {
  if (seen_.size() >= kHeadsSeenMax) {
    seen_.clear();
  }
  seen_.insert(head.note.text);
  const auto last = parts_.witness.last(log);
  if (last && last->checkpoint.head.size >= head.checkpoint.head.size) {
    return;  // the witness follows that tree
  }
  const std::scoped_lock lock(mutex_);
  if (!newest_ || newest_of_ != id_of(log) ||
      newest_->checkpoint.head.size < head.checkpoint.head.size) {
    newest_ = head;
    newest_of_ = id_of(log);
  }
}

Task<Result<HeadWatch::Proven>> HeadWatch::prove(KnownLog log, std::uint64_t old_size,
                                                 std::uint64_t new_size) {
  if (!is_own(log)) {
    co_return co_await ask(log.holder, old_size, new_size);
  }
  const auto work = [&]() -> Result<Proven> {
    const auto view = parts_.own.get()->view();
    I2_TRY_VALUE(const Hash256 old_root, view->root(old_size));
    I2_TRY_VALUE(ct::Proof proof, view->consistency_proof(old_size, new_size));
    return Proven{.old_root = old_root, .proof = std::move(proof)};
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<Result<HeadWatch::Proven>> HeadWatch::ask(NodeId holder, std::uint64_t old_size,
                                               std::uint64_t new_size) {
  const LinkPtr link = parts_.peers.link_to(holder);
  if (link == nullptr) {
    co_return fail("node.peer_no_address", "the node that writes the log is not connected");
  }
  ConsistencyRequest request;
  request.set_old_size(old_size);
  request.set_new_size(new_size);
  I2_CO_TRY_VALUE(Bytes body, serialize(request));
  const auto answer = co_await call_over(link->connection, kConsistency, std::move(body));
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<ConsistencyResponse>(*answer));
  Proven out;
  const auto read = [](const std::string& from, Hash256& to) {
    const bool fits = from.size() == to.size();
    std::ranges::copy(as_bytes(from).first(fits ? to.size() : 0), to.begin());
    return fits;
  };
  bool good = read(parsed.old_root(), out.old_root) &&
              static_cast<std::size_t>(parsed.proof_size()) <= ct::kProofHashesMax;
  for (const std::string& hash : parsed.proof()) {
    good = good && read(hash, out.proof.emplace_back());
  }
  if (!good) {
    co_return fail("trust.proof_invalid", "the log's proof of consistency is malformed");
  }
  co_return out;
}

Task<> HeadWatch::judge_evidence(Bytes encoding) {
  const auto work = [this, &encoding]() -> Result<bool> {
    I2_TRY_VALUE(const ct::SplitView evidence, ct::decode_split_view(encoding));
    const auto members = parts_.trust.members();
    I2_TRY_VALUE(const auto records, members->trust().logs());
    Result<bool> out = fail("trust.evidence_invalid", "the evidence is about no log of the fleet");
    for (const trustchain::LogRecord& record : records) {
      I2_TRY_VALUE(const KnownLog log, known_log(record));
      out = parts_.witness.convict(evidence, log);
      if (out || !out.error().is("trust.evidence_invalid")) {
        break;
      }
    }
    return out;
  };
  const auto judged = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!judged) {
    parts_.log.warning("trust", "evidence_refused", judged.error().message(),
                       {{"error", judged.error().code()}});
  } else if (*judged) {
    convicted();
  }
  --looking_;
}

void HeadWatch::convicted() {
  parts_.log.error(
      "trust", "log_split_view",
      "the fleet's log signed two trees that contradict each other: see i2 ct evidence");
  parts_.found();
}

}  // namespace i2::node
