#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/log_entry.h>

#include <algorithm>
#include <optional>

namespace i2::trustchain::ct {
namespace {

using wire::Reader;
using wire::Writer;

constexpr std::uint8_t kVersion1 = 0;               // RFC 6962 §3.2: v1(0)
constexpr std::uint8_t kTimestampedEntry = 0;       // RFC 6962 §3.4, and certificate_timestamp(0)
constexpr std::uint8_t kTreeHash = 1;               // RFC 6962 §3.2: tree_hash(1)
constexpr std::uint16_t kSha256WithEcdsa = 0x0403;  // RFC 5246 §7.4.1.4.1: sha256(4), ecdsa(3)
constexpr std::uint8_t kLeafIndex = 0;              // static-ct-api: leaf_index(0)
constexpr std::uint16_t kLeafIndexSize = 5;
constexpr std::size_t kLeafIndexExtensionSize = 1 + 2 + kLeafIndexSize;
constexpr std::size_t kSignatureSizeMax = 256;

void write_u24(Bytes& out, std::size_t value) {
  Writer w(out);
  w.u8(static_cast<std::uint8_t>(value >> 16));
  w.u16(static_cast<std::uint16_t>(value));
}

std::size_t read_u24(Reader& r) {
  const std::size_t high = r.u8();
  return high << 16 | r.u16();
}

// ASN.1Cert, TBSCertificate: opaque<1..2^24-1>.
void write_certificate(Bytes& out, ByteView der) {
  I2_ASSERT(!der.empty() && der.size() <= kLoggedCertificateSizeMax);
  write_u24(out, der.size());
  append(out, der);
}

Bytes read_certificate(Reader& r) {
  const std::size_t size = read_u24(r);
  if (size == 0 || size > kLoggedCertificateSizeMax) {
    r.fail();
  }
  return to_bytes(r.bytes(r.ok() ? size : 0));
}

// RFC 6962 §3.1, LogEntryType and what it selects.
void write_signed_entry(Bytes& out, const Submission& submission) {
  Writer(out).u16(static_cast<std::uint16_t>(submission.type));
  if (submission.type == EntryType::kPrecert) {
    append(out, submission.issuer_key_hash);
  }
  write_certificate(out, submission.certificate);
}

// RFC 6962 §3.4, with room for what follows.
void write_timestamped_entry(Bytes& out, const Submission& submission, UnixMillis timestamp,
                             ByteView extensions) {
  Writer w(out);
  w.u64(timestamp);
  write_signed_entry(out, submission);
  w.u16(static_cast<std::uint16_t>(extensions.size()));
  append(out, extensions);
}

// MerkleTreeLeaf, or the signed part of an SCT: both begin with two zeros.
Bytes leaf_bytes(const Submission& submission, UnixMillis timestamp, ByteView extensions) {
  Bytes out;
  out.reserve(64 + submission.certificate.size() + extensions.size());
  out.push_back(kVersion1);
  out.push_back(kTimestampedEntry);
  write_timestamped_entry(out, submission, timestamp, extensions);
  return out;
}

std::size_t tile_leaf_size(const Submission& submission) {
  return 64 + submission.certificate.size() + submission.precertificate.size() +
         submission.issuers.size() * kHashSize;
}

std::unexpected<Error> wrong_sct(std::string_view what) {
  return fail("trust.sct_invalid", std::string(what));
}

bool is_loggable(ByteView certificate) {
  return !certificate.empty() && certificate.size() <= kLoggedCertificateSizeMax;
}

}  // namespace

Result<void> check(const Submission& submission) {
  const bool precert = submission.type == EntryType::kPrecert;
  if (!is_loggable(submission.certificate) || precert != is_loggable(submission.precertificate) ||
      (!precert && submission.issuer_key_hash != Hash256{})) {
    return fail("trust.log_entry_invalid", "not a certificate, or not one that the log can take");
  }
  if (submission.issuers.size() > kLoggedChainMax) {
    return fail("trust.log_entry_invalid", "the chain of the certificate is too long");
  }
  return {};
}

Hash256 dedup_key(const Submission& submission) {
  Bytes bytes;
  bytes.reserve(64 + submission.certificate.size());
  write_signed_entry(bytes, submission);
  return crypto::sha256(bytes);
}

Bytes merkle_tree_leaf(const LogEntry& entry) {
  return leaf_bytes(entry.submission, entry.timestamp, leaf_index_extension(entry.index));
}

Hash256 leaf_hash(const LogEntry& entry) {
  return leaf_hash(merkle_tree_leaf(entry));
}

void append_tile_leaf(Bytes& out, const LogEntry& entry) {
  const Submission& submission = entry.submission;
  I2_ASSERT(submission.issuers.size() <= kLoggedChainMax);
  // Twice what is needed: appending many entries must not copy what is there each time.
  if (const std::size_t size = out.size() + tile_leaf_size(submission); size > out.capacity()) {
    out.reserve(2 * size);
  }
  write_timestamped_entry(out, submission, entry.timestamp, leaf_index_extension(entry.index));
  if (submission.type == EntryType::kPrecert) {
    write_certificate(out, submission.precertificate);
  }
  Writer w(out);
  w.u16(static_cast<std::uint16_t>(submission.issuers.size() * kHashSize));
  for (const Hash256& issuer : submission.issuers) {
    w.bytes(issuer);
  }
}

LogEntry read_tile_leaf(Reader& r) {
  LogEntry out;
  out.timestamp = r.u64();
  const std::uint16_t type = r.u16();
  if (type > static_cast<std::uint16_t>(EntryType::kPrecert)) {
    r.fail();
  }
  Submission& submission = out.submission;
  submission.type = static_cast<EntryType>(type);
  const bool precert = submission.type == EntryType::kPrecert;
  if (precert) {
    submission.issuer_key_hash = r.array<kHashSize>();
  }
  submission.certificate = read_certificate(r);
  const ByteView extensions = r.bytes(r.u16());
  const auto index = read_leaf_index(extensions);
  out.index = index.value_or(0);
  if (!index || extensions.size() != kLeafIndexExtensionSize) {
    r.fail();
  }
  if (precert) {
    submission.precertificate = read_certificate(r);
  }
  const std::size_t chain = r.u16();
  if (chain % kHashSize != 0 || chain > kLoggedChainMax * kHashSize) {
    r.fail();
  }
  for (std::size_t i = 0; i < chain / kHashSize && r.ok(); ++i) {
    submission.issuers.push_back(r.array<kHashSize>());
  }
  return out;
}

Result<std::vector<LogEntry>> read_data_tile(ByteView bytes, const Tile& tile) {
  Reader r(bytes);
  std::vector<LogEntry> out;
  out.reserve(tile.width);
  for (std::uint64_t index = tile.index * kTileWidth; out.size() < tile.width && r.ok(); ++index) {
    out.push_back(read_tile_leaf(r));
    if (out.back().index != index) {
      r.fail();
    }
  }
  if (!r.done()) {
    return fail("trust.log_entry_invalid", path({kDataLevel, tile.index, tile.width}) +
                                               " does not consist of the entries that it is for");
  }
  return out;
}

Result<Bytes> extra_data(const Submission& submission, const IssuerReader& read) {
  Bytes chain;
  for (const Hash256& issuer : submission.issuers) {
    I2_TRY_VALUE(const Bytes der, read(issuer));
    if (!is_loggable(der) || crypto::sha256(der) != issuer) {
      return fail("trust.issuer_damaged",
                  "what is stored as issuer " + to_hex(issuer) + " is another certificate");
    }
    write_certificate(chain, der);
  }
  Bytes out;
  if (submission.type == EntryType::kPrecert) {
    write_certificate(out, submission.precertificate);
  }
  write_u24(out, chain.size());
  append(out, chain);
  return out;
}

Bytes leaf_index_extension(std::uint64_t index) {
  I2_ASSERT(index < kTreeSizeMax);
  Bytes out;
  out.reserve(kLeafIndexExtensionSize);
  Writer w(out);
  w.u8(kLeafIndex);
  w.u16(kLeafIndexSize);
  w.u8(static_cast<std::uint8_t>(index >> 32));
  w.u32(static_cast<std::uint32_t>(index));
  return out;
}

Result<std::uint64_t> read_leaf_index(ByteView extensions) {
  Reader r(extensions);
  std::array<bool, 256> seen{};
  std::optional<std::uint64_t> index;
  while (r.ok() && !r.done()) {
    const std::uint8_t type = r.u8();
    Reader data(r.bytes(r.u16()));
    if (std::exchange(seen[type], true)) {
      return wrong_sct("an extension is there twice");
    }
    if (type == kLeafIndex) {
      const std::uint64_t high = data.u8();
      index = high << 32 | data.u32();
      if (!data.done()) {
        r.fail();
      }
    }
  }
  if (!r.ok() || !index) {
    return wrong_sct("the extensions do not say which entry of the log it is");
  }
  return *index;
}

Result<Sct> make_sct(const LogEntry& entry, const crypto::PrivateKey& log) {
  I2_ASSERT(log.algorithm() == crypto::SignatureAlgorithm::kEcdsaP256);
  Sct out{.log_id = log.public_key().spki_sha256(),
          .timestamp = entry.timestamp,
          .extensions = leaf_index_extension(entry.index),
          .signature = {}};
  I2_TRY_VALUE(out.signature, log.sign(merkle_tree_leaf(entry)));
  return out;
}

Result<void> verify_sct(const Sct& sct, const Submission& submission,
                        const crypto::PublicKey& log) {
  if (!log || log.algorithm() != crypto::SignatureAlgorithm::kEcdsaP256 ||
      sct.log_id != log.spki_sha256()) {
    return wrong_sct("the timestamp is of another log");
  }
  if (!is_loggable(submission.certificate)) {
    return wrong_sct("a log takes no certificates of this size");
  }
  if (!log.verify(leaf_bytes(submission, sct.timestamp, sct.extensions), sct.signature)) {
    return wrong_sct("the timestamp is not signed by the log, or is for another certificate");
  }
  return {};
}

Bytes encode(const Sct& sct) {
  Bytes out;
  out.reserve(64 + sct.extensions.size() + sct.signature.size());
  Writer w(out);
  w.u8(kVersion1);
  w.bytes(sct.log_id);
  w.u64(sct.timestamp);
  w.u16(static_cast<std::uint16_t>(sct.extensions.size()));
  w.bytes(sct.extensions);
  append_digitally_signed(out, sct.signature);
  return out;
}

Result<Sct> decode_sct(ByteView encoding) {
  Reader r(encoding);
  if (r.u8() != kVersion1) {
    r.fail();
  }
  Sct out;
  out.log_id = r.array<kHashSize>();
  out.timestamp = r.u64();
  out.extensions = to_bytes(r.bytes(r.u16()));
  out.signature = to_bytes(read_digitally_signed(r));
  if (!r.done()) {
    return wrong_sct("the timestamp is malformed");
  }
  return out;
}

void append_digitally_signed(Bytes& out, ByteView signature) {
  I2_ASSERT(signature.size() <= kSignatureSizeMax);
  Writer w(out);
  w.u16(kSha256WithEcdsa);
  w.u16(static_cast<std::uint16_t>(signature.size()));
  w.bytes(signature);
}

ByteView read_digitally_signed(Reader& r) {
  const std::uint16_t algorithm = r.u16();
  const std::size_t size = r.u16();
  if (algorithm != kSha256WithEcdsa || size > kSignatureSizeMax) {
    r.fail();
  }
  return r.bytes(r.ok() ? size : 0);
}

Bytes tree_head_signed_part(const TreeHead& head, UnixMillis timestamp) {
  Bytes out;
  Writer w(out);
  w.u8(kVersion1);
  w.u8(kTreeHash);
  w.u64(timestamp);
  w.u64(head.size);
  w.bytes(head.root);
  return out;
}

}  // namespace i2::trustchain::ct
