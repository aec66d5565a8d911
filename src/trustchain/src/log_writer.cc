#include "log_writer.h"

#include <i2/crypto/hash.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace i2::trustchain {
namespace {

constexpr std::string_view kStaged = "staging/round";
constexpr Duration kGuardInterval = kSecond;
// A round is written to the database's log, to its tables, and again when they are merged.
constexpr std::size_t kRoomFactor = 4;

store::Head guard_of(const ct::LogHead& head) {
  return {.sequence = head.timestamp, .digest = head.tree.root};
}

// The partial tiles of a log.
std::vector<std::string> partial_tiles(const ct::Log& log) {
  std::vector<std::string> out;
  const auto add = [&](std::uint8_t level, std::uint64_t count) {
    const auto width = static_cast<std::uint16_t>(count % ct::kTileWidth);
    if (width != 0) {
      out.push_back(ct::path({.level = level, .index = count / ct::kTileWidth, .width = width}));
    }
  };
  add(ct::kDataLevel, log.tree.size());
  for (std::uint8_t level = 0; level <= ct::kTileLevelMax; ++level) {
    add(level, log.tree.size() >> (ct::kTileHeight * level));
  }
  return out;
}

ct::TileReader reader_of(const LogObjects& objects) {
  return [&objects](const ct::Tile& tile) { return objects.get(ct::path(tile)); };
}

// What follows from a checkpoint that is the last one now.
Result<void> finish_round(const CtLog::Parts& parts, const ct::Log& before,
                          const ct::Round& round) {
  I2_TRY(parts.objects.create(round.objects));
  I2_TRY(parts.index.add(round.entries));
  // The bundle first: as long as it is there, so are the tiles that it continues.
  std::vector<std::string> gone{std::string(kStaged)};
  const auto still = partial_tiles(round.after);
  std::ranges::copy_if(
      partial_tiles(before), std::back_inserter(gone),
      [&](const std::string& name) { return !std::ranges::contains(still, name); });
  return parts.objects.remove(gone);
}

Result<void> recover_round(const CtLog::Parts& parts, const ct::LogHead& head) {
  auto bytes = parts.objects.get(kStaged);
  if (!bytes) {
    return bytes.error().is("trust.log_object_missing") ? Result<void>()
                                                        : fail(std::move(bytes).error());
  }
  I2_TRY_VALUE(ct::Bundle bundle, ct::decode_bundle(*bytes));
  const std::vector<std::string> staged{std::string(kStaged)};
  if (bundle.after != head) {
    // A round that did not happen.
    return bundle.before == head.tree
               ? parts.objects.remove(staged)
               : fail("trust.bundle_invalid", "the staged round does not belong to the checkpoint");
  }
  I2_TRY_VALUE(const ct::Log before,
               ct::open_log(parts.origin, {.tree = bundle.before, .timestamp = 0},
                            reader_of(parts.objects)));
  I2_TRY_VALUE(const ct::Round round, ct::replay(before, std::move(bundle)));
  return finish_round(parts, before, round);
}

struct SignedHead {
  std::string note;
  ct::LogHead head;
};
Result<SignedHead> read_head(const CtLog::Parts& parts, const ct::NoteKey& key) {
  I2_TRY_VALUE(auto note, parts.lock.read());
  if (!note) {
    return fail("trust.log_missing",
                "the log " + parts.origin + " is not there: restore its files from a backup");
  }
  I2_TRY_VALUE(const auto signed_checkpoint, ct::parse_signed_checkpoint(*note));
  const ct::Checkpoint& checkpoint = signed_checkpoint.checkpoint;
  if (checkpoint.origin != parts.origin) {
    return fail("trust.checkpoint_invalid", "the files are those of the log " + checkpoint.origin);
  }
  I2_TRY_VALUE(const auto signers, ct::verify_note(signed_checkpoint.note, {&key, 1}));
  return SignedHead{*std::move(note), {.tree = checkpoint.head, .timestamp = signers.front().time}};
}

Result<StoredLog> open_stored(const CtLog::Parts& parts, SignedHead stored) {
  I2_TRY(recover_round(parts, stored.head));
  I2_TRY_VALUE(auto log, ct::open_log(parts.origin, stored.head, reader_of(parts.objects)));
  return StoredLog{.note = std::move(stored.note), .log = std::move(log)};
}

Result<store::HeadFile> open_guard(const CtLog::Parts& parts,
                                   const std::optional<std::string>& note, CtLog::Mode mode) {
  const Hash256 owner = parts.key->public_key().spki_sha256();
  auto guard = store::HeadFile::open(parts.guard, owner);
  if (!note && (guard ? guard->head().sequence > 0 : mode != CtLog::Mode::kCreate)) {
    return fail("trust.log_missing",
                "the log " + parts.origin + " is not there: restore its files from a backup");
  }
  if (!guard && !note && guard.error().is("store.missing")) {
    return store::HeadFile::create(parts.guard, owner, {});
  }
  return guard;
}

}  // namespace

Result<StoredLog> load_log(const CtLog::Parts& parts, const ct::NoteKey& key) {
  I2_TRY_VALUE(auto stored, read_head(parts, key));
  return open_stored(parts, std::move(stored));
}

Result<LogWriter> LogWriter::open(const CtLog::Parts& parts, CtLog::Mode mode) {
  I2_TRY_VALUE(const auto note, parts.lock.read());
  I2_TRY_VALUE(auto guard, open_guard(parts, note, mode));
  LogWriter out(parts, std::move(guard));
  I2_TRY(note ? out.load() : out.create());
  return out;
}

Result<void> LogWriter::create() {
  log_ = {.origin = parts_.origin,
          .tree = {},
          .last_entries = {},
          .timestamp = parts_.clock.unix_now()};
  I2_TRY_VALUE(note_,
               sign({.origin = parts_.origin, .head = {}, .extensions = {}}, log_.timestamp));
  I2_TRY(parts_.lock.swap(std::nullopt, note_));
  return remember();
}

Result<void> LogWriter::load() {
  I2_TRY_VALUE(const auto key, ct::NoteKey::make(parts_.origin, ct::NoteKeyType::kTreeHead,
                                                 parts_.key->public_key()));
  I2_TRY_VALUE(auto signed_head, read_head(parts_, key));
  const ct::LogHead head = signed_head.head;
  if (head.timestamp < guard_.head().sequence) {
    return fail(
        "trust.log_backwards",
        "the log was further than its files are: they are an old copy, or writes were lost");
  }
  I2_TRY_VALUE(StoredLog stored, open_stored(parts_, std::move(signed_head)));
  note_ = std::move(stored.note);
  log_ = std::move(stored.log);
  return head.timestamp == guard_.head().sequence ? Result<void>() : remember();
}

// RFC 6962 §3.5: later than the last checkpoint's. Where the clock was set back the log counts on
// until it has caught up: certificates have to be renewed meanwhile, and a promise of a later time
// is still one.
UnixMillis LogWriter::time_of_round() const {
  return std::max(parts_.clock.unix_now(), log_.timestamp + 1);
}

Result<std::string> LogWriter::sign(const ct::Checkpoint& checkpoint, UnixMillis time) const {
  I2_TRY_VALUE(const auto signer,
               ct::NoteSigner::make(parts_.origin, ct::NoteKeyType::kTreeHead, *parts_.key));
  ct::Note note{.text = ct::note_text(checkpoint), .signatures = {}};
  I2_TRY_VALUE(note.signatures.emplace_back(), signer.sign(note.text, time));
  for (const ct::NoteSigner& cosigner : parts_.cosigners) {
    I2_TRY_VALUE(note.signatures.emplace_back(), cosigner.sign(note.text, time));
  }
  return ct::encode(note);
}

Result<std::vector<ct::LogEntry>> LogWriter::write(std::vector<ct::Submission> submissions,
                                                   std::vector<Bytes> issuers) {
  const UnixMillis time = time_of_round();
  I2_TRY_VALUE(ct::Round round,
               ct::sequence(log_, std::move(submissions), std::move(issuers), time));
  I2_TRY(parts_.room(kRoomFactor * (round.bundle.size() + log_.last_entries.size())));
  if (auto stored = store(round); !stored) {
    broken_ = true;
    return fail(std::move(stored).error());
  }
  log_ = std::move(round.after);
  if (parts_.clock.now() - guarded_at_ >= kGuardInterval) {
    if (auto remembered = remember(); !remembered) {
      broken_ = true;
      return fail(std::move(remembered).error());
    }
  }
  return std::move(round.entries);
}

Result<void> LogWriter::store(const ct::Round& round) {
  if (!round.entries.empty()) {
    const ct::StoredObject staged{.path = std::string(kStaged), .bytes = round.bundle};
    I2_TRY(parts_.objects.create({&staged, 1}));
  }
  I2_TRY_VALUE(std::string note, sign(round.checkpoint, round.after.timestamp));
  I2_TRY(parts_.lock.swap(note_, note));
  note_ = std::move(note);
  return round.entries.empty() ? Result<void>() : finish_round(parts_, log_, round);
}

Result<void> LogWriter::remember() {
  guarded_at_ = parts_.clock.now();
  return guard_.advance(guard_of(log_.head()));
}

}  // namespace i2::trustchain
