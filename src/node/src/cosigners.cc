#include "cosigners.h"

#include <i2/node/witness.pb.h>
#include <i2/trustchain/core/ct/witness.h>

#include <algorithm>
#include <set>

#include "on_link.h"
#include "protobuf.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;

constexpr std::string_view kAddCheckpointCall = "trust.Witness/AddCheckpoint";
constexpr Duration kRoundPause = 500 * kMillisecond;
// A log without new entries is cosigned again, so that a witness that is gone shows.
constexpr Duration kCosignAgain = 300 * kSecond;
constexpr Duration kAskInterval = 10 * kSecond;
constexpr Duration kWitnessPatience = 10 * kSecond;

}  // namespace

Cosigners::Cosigners(Parts parts)
    : parts_(std::move(parts)),
      wakeup_(parts_.runtime.control()),
      pause_(parts_.runtime.control()) {}

void Cosigners::start() {
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void Cosigners::stop() {
  stopping_ = true;
  wakeup_.wake();
  pause_.wake();
}

void Cosigners::published() {
  wakeup_.wake();
}

void Cosigners::link_up(const LinkPtr& link) {
  {
    const std::scoped_lock lock(mutex_);
    witnesses_[link->peer].not_before = 0;
  }
  wakeup_.wake();
}

Task<> Cosigners::run() {
  while (!stopping_) {
    ask_all();
    co_await pause_.wait(kRoundPause);
    if (!stopping_) {
      co_await wakeup_.wait(kAskInterval);
    }
  }
}

void Cosigners::ask_all() {
  const trustchain::CtLog* const log = parts_.own.get();
  if (log == nullptr || !is_fleets(*log, parts_.trust).value_or(false)) {
    return;
  }
  for (LinkPtr& link : choose()) {
    parts_.tasks.spawn(parts_.runtime.control(), ask(std::move(link)));
  }
}

// Those that have cosigned before come first.
std::vector<LinkPtr> Cosigners::choose() {
  auto links = parts_.peers.links();
  const auto members = parts_.trust.members();
  const auto view = parts_.own.get()->view();
  const Timestamp now = parts_.clock.now();
  const UnixMillis unix_now = parts_.clock.unix_now();
  const std::scoped_lock lock(mutex_);
  std::erase_if(witnesses_, [&](const auto& one) {
    return !one.second.asking && members->find(one.first) == nullptr;
  });
  std::ranges::stable_partition(
      links, [this](const LinkPtr& link) { return !witnesses_[link->peer].lines.empty(); });
  std::vector<LinkPtr> out;
  std::set<NodeId> chosen;
  for (const LinkPtr& link : links) {
    if (chosen.size() == kCosignersMax || !chosen.insert(link->peer).second) {
      continue;
    }
    Witness& witness = witnesses_[link->peer];
    const bool current = !witness.lines.empty() &&
                         view->note().starts_with(witness.cosigned.note.text + '\n') &&
                         unix_now < witness.at + kCosignAgain / kMillisecond;
    if (!current && !witness.asking && witness.not_before <= now) {
      witness.asking = true;
      out.push_back(link);
    }
  }
  return out;
}

Task<> Cosigners::ask(LinkPtr link) {
  auto done = co_await ask_once(link);
  if (done && *done) {
    done = co_await ask_once(link);
  }
  const bool cosigned = done && !*done;
  if (!cosigned) {
    const std::string why = done ? "it is at another size each time" : done.error().to_string();
    parts_.log.debug("trust", "not_cosigned", "a witness did not cosign the log's checkpoint",
                     {{"peer", link->name}, {"error", why}});
  }
  {
    const std::scoped_lock lock(mutex_);
    Witness& witness = witnesses_[link->peer];
    witness.asking = false;
    witness.not_before = cosigned ? 0 : parts_.clock.now() + kAskInterval;
  }
  wakeup_.wake();
}

Task<Result<bool>> Cosigners::ask_once(LinkPtr link) {
  Asked asked;
  {
    const std::scoped_lock lock(mutex_);
    const Witness& witness = witnesses_[link->peer];
    asked.old_size = witness.size;
    asked.want_keys = !witness.keys;
  }
  const auto prepare = [this, &asked]() -> Result<Bytes> {
    const auto view = parts_.own.get()->view();
    I2_TRY_VALUE(asked.checkpoint, ct::parse_signed_checkpoint(view->note()));
    if (asked.old_size > view->size()) {
      return fail("trust.log_range", "the witness has cosigned a larger log than this one");
    }
    ct::AddCheckpoint request{
        .old_size = asked.old_size, .proof = {}, .checkpoint = asked.checkpoint};
    if (asked.old_size > 0) {
      I2_TRY_VALUE(request.proof, view->consistency_proof(asked.old_size, view->size()));
    }
    WitnessRequest out;
    out.set_body(encode(request));
    out.set_want_keys(asked.want_keys);
    return serialize(out);
  };
  auto body = co_await rt::run_on(parts_.runtime.pool(), prepare);
  if (!body) {
    co_return fail(std::move(body).error());
  }
  stoq::CallOptions options;
  options.deadline = kWitnessPatience;
  const auto answer = co_await call_over(link->connection, kAddCheckpointCall, *std::move(body),
                                         std::move(options));
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<WitnessResponse>(*answer));
  const auto said = static_cast<ct::WitnessAnswer>(parsed.answer());
  if (said == ct::WitnessAnswer::kCosign) {
    const auto work = [&] {
      return take(link->peer, asked, as_bytes(parsed.keys()), parsed.lines());
    };
    const auto taken = co_await rt::run_on(parts_.runtime.pool(), work);
    co_return taken ? Result<bool>(false) : fail(taken.error());
  }
  parts_.look(to_bytes(as_bytes(parsed.head())));
  if (said == ct::WitnessAnswer::kConflict) {
    const std::scoped_lock lock(mutex_);
    witnesses_[link->peer].size = parsed.size();
    co_return true;
  }
  co_return fail("trust.witness_refused",
                 "the witness answered " + std::to_string(parsed.answer()));
}

Result<void> Cosigners::take(const NodeId& node, const Asked& asked, ByteView keys,
                             std::string_view lines) {
  const auto members = parts_.trust.members();
  const fleet::MemberInfo* const member = members->find(node);
  std::optional<trustchain::WitnessKeys> stated;
  if (asked.want_keys && member != nullptr) {
    I2_TRY_VALUE(stated, trustchain::decode_witness_keys(keys));
    I2_TRY(verify_witness_keys(*stated, parts_.trust.chain_id(), node, member->identity));
  }
  {
    const std::scoped_lock lock(mutex_);
    Witness& witness = witnesses_[node];
    if (stated) {
      witness.keys = std::move(stated);
    }
    stated = witness.keys;
  }
  I2_TRY_VALUE(ct::Note note,
               ct::parse_note(asked.checkpoint.note.text + '\n' + std::string(lines)));
  const auto signers = stated ? ct::verify_note(note, stated->keys)
                              : Result<std::vector<ct::Signer>>(fail("trust.witness_keys", "none"));
  const std::scoped_lock lock(mutex_);
  Witness& witness = witnesses_[node];
  if (!signers || signers->size() != stated->keys.size() ||
      note.signatures.size() != signers->size()) {
    witness.keys.reset();  // it may have new ones
    return fail("trust.note_unsigned", "the witness did not sign with the keys that it states");
  }
  witness.size = asked.checkpoint.checkpoint.head.size;
  witness.cosigned = asked.checkpoint;
  witness.lines = std::move(note.signatures);
  witness.at = signers->front().time;
  return {};
}

void Cosigners::add_lines(ct::Note& note) const {
  for (const auto& [node, witness] : witnesses_) {
    if (!witness.lines.empty() && witness.cosigned.note.text == note.text &&
        note.signatures.size() + witness.lines.size() <= ct::kNoteSignaturesMax) {
      std::ranges::copy(witness.lines, std::back_inserter(note.signatures));
    }
  }
}

std::string Cosigners::checkpoint(const trustchain::LogView& view) const {
  auto note = ct::parse_note(view.note());
  if (!note) {
    return view.note();
  }
  const std::scoped_lock lock(mutex_);
  add_lines(*note);
  return encode(*note);
}

std::optional<ct::SignedCheckpoint> Cosigners::cosigned() const {
  const std::scoped_lock lock(mutex_);
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [node, witness] : witnesses_) {
    if (!witness.lines.empty()) {
      ++votes[witness.cosigned.note.text];
    }
  }
  const Witness* best = nullptr;
  for (const auto& [node, witness] : witnesses_) {
    const auto rank = [&votes](const Witness& of) {
      return std::pair(votes[of.cosigned.note.text], of.cosigned.checkpoint.head.size);
    };
    if (!witness.lines.empty() && (best == nullptr || rank(witness) > rank(*best))) {
      best = &witness;
    }
  }
  if (best == nullptr) {
    return std::nullopt;
  }
  ct::SignedCheckpoint out = best->cosigned;
  add_lines(out.note);
  return out;
}

std::vector<Cosigners::Standing> Cosigners::witnesses() const {
  const auto members = parts_.trust.members();
  const std::scoped_lock lock(mutex_);
  std::vector<Standing> out;
  for (const auto& [node, witness] : witnesses_) {
    const fleet::MemberInfo* const member = members->find(node);
    if (member != nullptr && !witness.lines.empty()) {
      out.push_back({.node = node,
                     .name = member->name,
                     .keys = witness.keys ? witness.keys->keys : std::vector<ct::NoteKey>(),
                     .size = witness.cosigned.checkpoint.head.size,
                     .at = witness.at,
                     .text = witness.cosigned.note.text});
    }
  }
  return out;
}

}  // namespace i2::node
