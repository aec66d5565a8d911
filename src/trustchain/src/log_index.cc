#include <i2/crypto/hash.h>
#include <i2/trustchain/log_index.h>
#include <i2/wire/reader.h>

namespace i2::trustchain {
namespace {

constexpr std::uint8_t kDedupKind = 'd';
constexpr std::uint8_t kLeafKind = 'l';
constexpr std::uint8_t kFingerprintKind = 'f';

Bytes index_key(std::uint8_t kind, const Hash256& hash) {
  Bytes out;
  out.reserve(1 + hash.size());
  out.push_back(kind);
  append(out, hash);
  return out;
}

Bytes place(std::uint64_t index) {
  Bytes out;
  wire::Writer(out).varint(index);
  return out;
}

const Bytes& certificate_of(const ct::Submission& submission) {
  return submission.type == ct::EntryType::kPrecert ? submission.precertificate
                                                    : submission.certificate;
}

Result<std::optional<std::uint64_t>> find_place(const store::KeyValueStore& store, Bytes key) {
  I2_TRY_VALUE(const auto value, store.get(key));
  if (!value) {
    return std::nullopt;
  }
  return std::optional(wire::Reader(*value).varint());
}

}  // namespace

Result<void> LogIndex::add(std::span<const ct::LogEntry> entries) {
  store::Batch batch;
  for (const ct::LogEntry& entry : entries) {
    Bytes promise = place(entry.index);
    wire::Writer(promise).varint(entry.timestamp);
    batch.put(index_key(kDedupKind, ct::dedup_key(entry.submission)), std::move(promise));
    batch.put(index_key(kLeafKind, ct::leaf_hash(entry)), place(entry.index));
    batch.put(index_key(kFingerprintKind, crypto::sha256(certificate_of(entry.submission))),
              place(entry.index));
  }
  return store_.commit(batch, store::KeyValueStore::Durability::kLater);
}

Result<void> LogIndex::add_name(const Hash256& fingerprint, std::uint64_t index) {
  store::Batch batch;
  batch.put(index_key(kFingerprintKind, fingerprint), place(index));
  return store_.commit(batch, store::KeyValueStore::Durability::kLater);
}

Result<std::optional<LogIndex::Place>> LogIndex::find(const Hash256& dedup_key) const {
  I2_TRY_VALUE(const auto value, store_.get(index_key(kDedupKind, dedup_key)));
  if (!value) {
    return std::nullopt;
  }
  wire::Reader r(*value);
  const std::uint64_t index = r.varint();
  return std::optional(Place{.index = index, .timestamp = r.varint()});
}

Result<std::optional<std::uint64_t>> LogIndex::find_leaf(const Hash256& leaf_hash) const {
  return find_place(store_, index_key(kLeafKind, leaf_hash));
}

Result<std::optional<std::uint64_t>> LogIndex::find_certificate(const Hash256& fingerprint) const {
  return find_place(store_, index_key(kFingerprintKind, fingerprint));
}

}  // namespace i2::trustchain
