#include <i2/consensus/message.h>
#include <i2/fleet/vote_memory.h>
#include <i2/wire/reader.h>

#include <algorithm>

#include "files.h"
#include "layout.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;
using consensus::EpochNumber;
using consensus::Record;
using consensus::View;

// Room for the largest proposals of several views.
constexpr std::size_t kHalfSize = 16 * 1024 * 1024;
// The guard is written once in so many views.
constexpr View kReserve = 256;
constexpr std::size_t kFrameOverhead = 8192;
constexpr std::size_t kVoteKeySizeMax = 16 * 1024;

Bytes encode_record(EpochNumber epoch, const Record& record) {
  return std::visit(
      [epoch](const auto& one) {
        return consensus::encode(consensus::Envelope{.epoch = epoch, .message = one});
      },
      record);
}

std::optional<Record> decode_record(ByteView bytes, EpochNumber& epoch) {
  auto envelope = consensus::decode_envelope(bytes);
  if (!envelope) {
    return std::nullopt;
  }
  epoch = envelope->epoch;
  if (auto* const vote = std::get_if<consensus::Vote>(&envelope->message)) {
    return std::move(*vote);
  }
  if (auto* const proposal = std::get_if<consensus::ProposalMessage>(&envelope->message)) {
    return std::move(*proposal);
  }
  if (auto* const certificate = std::get_if<consensus::Certificate>(&envelope->message)) {
    return std::move(*certificate);
  }
  return std::nullopt;
}

}  // namespace

VoteMemory::Guard VoteMemory::read(const store::Head& head) {
  wire::Reader r(head.digest);
  Guard out;
  out.epoch = r.u64();
  out.view = r.u64();
  out.log_sequence = r.u64();
  out.lost = r.u64();
  return out;
}

Result<void> VoteMemory::write(store::HeadFile& file, const Guard& guard) {
  Bytes bytes;
  wire::Writer w(bytes);
  w.u64(guard.epoch);
  w.u64(guard.view);
  w.u64(guard.log_sequence);
  w.u64(guard.lost);
  store::Head next{.sequence = file.head().sequence + 1, .digest = {}};
  std::ranges::copy(bytes, next.digest.begin());
  return file.advance(next);
}

Result<VoteMemory> VoteMemory::open(const fs::path& data_dir, const ChainId& chain) {
  VoteMemory out(data_dir, chain);
  if (is_present(data_dir / kVoteKeyFile)) {
    I2_TRY(out.load());
  }
  return out;
}

Result<void> VoteMemory::make_key(consensus::VoteSuite suite) {
  if (files_) {
    return {};
  }
  const FileWriter writer;
  I2_TRY(writer.make_directory(data_dir_ / kSignerDir));
  I2_TRY_VALUE(const auto key, consensus::VoteKey::generate(suite));
  // The key last: with it the other two have to be there.
  I2_TRY(store::HeadFile::create(data_dir_ / kGuardFile, chain_.bytes, {}));
  I2_TRY(store::AppendLog::create(data_dir_ / kVotesFile, chain_.bytes, kHalfSize));
  I2_TRY(writer.write(data_dir_ / kVoteKeyFile, key.pem().view(), kSecretMode));
  return load();
}

Result<void> VoteMemory::load() {
  I2_TRY_VALUE(const auto pem, read_secret(data_dir_ / kVoteKeyFile, kVoteKeySizeMax));
  I2_TRY_VALUE(auto key, consensus::VoteKey::from_pem(as_text(pem.view())));
  auto file = store::HeadFile::open(data_dir_ / kGuardFile, chain_.bytes);
  auto log = store::AppendLog::open(data_dir_ / kVotesFile, chain_.bytes);
  if (file) {
    guard_ = read(file->head());
  } else {
    I2_TRY_VALUE(file, store::HeadFile::create(data_dir_ / kGuardFile, chain_.bytes, {}));
    guard_ = {.epoch = kEpochUnknown, .view = std::numeric_limits<View>::max()};
  }
  if (guard_.epoch == kEpochUnknown || !log || log->sequence() < guard_.log_sequence) {
    guard_.lost = std::max(guard_.lost, guard_.view);
    guard_.log_sequence = 0;
    I2_TRY(write(*file, guard_));
    I2_TRY_VALUE(log, store::AppendLog::create(data_dir_ / kVotesFile, chain_.bytes, kHalfSize));
  }
  for (const Bytes& record : log->records()) {
    EpochNumber epoch = 0;
    if (const auto decoded = decode_record(record, epoch)) {
      keep(epoch, view_of(*decoded), record);
    }
  }
  log->drop_records();
  files_.emplace(Files{.key = std::move(key), .guard = *std::move(file), .log = *std::move(log)});
  return {};
}

Result<VoteMemory::Recalled> VoteMemory::recall(EpochNumber epoch) {
  if (guard_.epoch == kEpochUnknown) {
    guard_.epoch = epoch;
    I2_TRY(write(files_->guard, guard_));
  }
  Recalled out;
  for (const Kept& kept : kept_) {
    EpochNumber of = 0;
    if (auto record = kept.epoch == epoch ? decode_record(kept.record, of) : std::nullopt) {
      out.records.push_back(*std::move(record));
    }
  }
  out.silent_through = guard_.epoch == epoch ? guard_.lost : 0;
  return out;
}

Result<void> VoteMemory::reserve(EpochNumber epoch, View view) {
  if (guard_.epoch == epoch && view <= guard_.view) {
    return {};
  }
  const Guard next{.epoch = epoch,
                   .view = view + kReserve,
                   .log_sequence = files_->log.sequence(),
                   .lost = guard_.epoch == epoch ? guard_.lost : 0};
  I2_TRY(write(files_->guard, next));
  guard_ = next;
  return {};
}

Result<void> VoteMemory::remember(EpochNumber epoch, std::span<const Record> records) {
  std::vector<Bytes> added;
  for (const Record& record : records) {
    I2_TRY(reserve(epoch, view_of(record)));
    added.push_back(encode_record(epoch, record));
    keep(epoch, view_of(record), added.back());
  }
  if (files_->log.fits(added)) {
    return files_->log.append(added);
  }
  std::vector<Bytes> all;
  for (const Kept& kept : kept_) {
    all.push_back(kept.record);
  }
  if (size_ > kHalfSize - kFrameOverhead) {
    return fail("store.failed", "more votes and proposals wait for their seal than '" +
                                    (data_dir_ / kVotesFile).string() + "' has room for");
  }
  return files_->log.start_over(all);
}

void VoteMemory::keep(EpochNumber epoch, View view, Bytes record) {
  size_ += record.size() + sizeof(std::uint32_t);
  kept_.push_back({.epoch = epoch, .view = view, .record = std::move(record)});
}

void VoteMemory::forget(EpochNumber epoch, View root) {
  std::erase_if(kept_, [&](const Kept& kept) {
    const bool old = kept.epoch != epoch || kept.view <= root;
    size_ -= old ? kept.record.size() + sizeof(std::uint32_t) : 0;
    return old;
  });
}

}  // namespace i2::fleet
