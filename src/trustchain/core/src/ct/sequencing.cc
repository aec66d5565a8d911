#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/sequencing.h>
#include <i2/trustchain/core/hybrid.h>

#include <algorithm>
#include <utility>

namespace i2::trustchain::ct {
namespace {

constexpr std::uint16_t kLogRoundVersion = 1;
constexpr std::size_t kBundleEntriesSizeMax = std::size_t{1} << 30;

std::unexpected<Error> backwards(std::string_view what) {
  return fail("trust.log_backwards", std::string(what));
}

std::unexpected<Error> wrong_bundle(std::string_view what) {
  return fail("trust.bundle_invalid", std::string(what));
}

void write_head(wire::CanonicalWriter& w, const TreeHead& head) {
  w.u64(head.size);
  w.fixed(head.root);
}

TreeHead read_head(wire::CanonicalReader& r) {
  TreeHead out;
  out.size = r.u64();
  out.root = r.fixed<kHashSize>();
  if (out.size > kTreeSizeMax) {
    r.fail();
  }
  return out;
}

// The new entries as they are stored, one after the other.
struct Leaves {
  Bytes bytes;
  std::vector<std::size_t> ends;
};

Leaves tile_leaves(std::span<const LogEntry> entries) {
  Leaves out;
  out.ends.reserve(entries.size());
  for (const LogEntry& entry : entries) {
    append_tile_leaf(out.bytes, entry);
    out.ends.push_back(out.bytes.size());
  }
  return out;
}

Bytes encode_bundle(const Bundle& bundle, ByteView leaves) {
  wire::CanonicalWriter w(kLogRoundType, kLogRoundVersion);
  w.reserve(leaves.size() + 1024);
  w.text(bundle.origin);
  write_head(w, bundle.before);
  write_head(w, bundle.after.tree);
  w.u64(bundle.after.timestamp);
  w.count(bundle.entries.size());
  w.bytes(leaves);
  w.count(bundle.issuers.size());
  for (const Bytes& issuer : bundle.issuers) {
    w.bytes(issuer);
  }
  return std::move(w).take();
}

// The log's next entries and what is to be stored for them; `leaves` are their bytes.
std::vector<StoredObject> grow(Log& log, std::span<const LogEntry> entries, const Leaves& leaves) {
  std::vector<StoredObject> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    log.tree.append(leaf_hash(entries[i]));
    const bool full = log.tree.size() % kTileWidth == 0;
    if (!full && i + 1 < entries.size()) {
      continue;
    }
    append(log.last_entries, ByteView(leaves.bytes).subspan(begin, leaves.ends[i] - begin));
    begin = leaves.ends[i];
    const Tile tile{.level = kDataLevel,
                    .index = (log.tree.size() - 1) / kTileWidth,
                    .width = static_cast<std::uint16_t>((log.tree.size() - 1) % kTileWidth + 1)};
    out.push_back({.path = path(tile),
                   .bytes = full ? std::exchange(log.last_entries, {}) : log.last_entries});
  }
  for (TileBytes& tile : log.tree.take_tiles()) {
    out.push_back({.path = path(tile.tile), .bytes = std::move(tile.bytes)});
  }
  return out;
}

Round make_round(const Log& log, std::vector<LogEntry> entries, std::vector<Bytes> issuers,
                 UnixMillis timestamp) {
  Round out;
  out.after = log;
  const Leaves leaves = tile_leaves(entries);
  for (const Bytes& issuer : issuers) {
    out.objects.push_back({.path = issuer_path(crypto::sha256(issuer)), .bytes = issuer});
  }
  std::ranges::move(grow(out.after, entries, leaves), std::back_inserter(out.objects));
  out.after.timestamp = timestamp;
  out.checkpoint = {.origin = log.origin, .head = out.after.tree.head(), .extensions = {}};
  Bundle bundle{.origin = log.origin,
                .before = log.tree.head(),
                .after = {.tree = out.checkpoint.head, .timestamp = timestamp},
                .entries = std::move(entries),
                .issuers = std::move(issuers)};
  out.bundle = encode_bundle(bundle, leaves.bytes);
  out.entries = std::move(bundle.entries);
  return out;
}

}  // namespace

Result<void> check_advance(const LogHead& from, const LogHead& to) {
  if (to.tree.size < from.tree.size) {
    return backwards("the log had " + std::to_string(from.tree.size) + " entries and now has " +
                     std::to_string(to.tree.size));
  }
  if (to.timestamp < from.timestamp) {
    return backwards("the checkpoint is older than the last one");
  }
  if (to.tree.size == from.tree.size && to.tree.root != from.tree.root) {
    return backwards("the log has another root than before at the same size");
  }
  return {};
}

Result<Log> open_log(std::string origin, const LogHead& head, const TileReader& read) {
  Log out{.origin = std::move(origin), .tree = {}, .last_entries = {}, .timestamp = head.timestamp};
  I2_TRY_VALUE(out.tree, LogTree::open(head.tree, read));
  const auto width = static_cast<std::uint16_t>(head.tree.size % kTileWidth);
  if (width == 0) {
    return out;
  }
  const Tile tile{.level = kDataLevel, .index = head.tree.size / kTileWidth, .width = width};
  I2_TRY_VALUE(out.last_entries, read(tile));
  I2_TRY_VALUE(const auto entries, read_data_tile(out.last_entries, tile));
  Bytes hashes;
  for (const LogEntry& entry : entries) {
    append(hashes, leaf_hash(entry));
  }
  if (!equal(hashes, out.tree.edge(0))) {
    return fail("trust.tile_damaged",
                path(tile) + " has other entries than those whose hashes the log has");
  }
  return out;
}

std::string issuer_path(const Hash256& fingerprint) {
  return "issuer/" + to_hex(fingerprint);
}

Result<Round> sequence(const Log& log, std::vector<Submission> submissions,
                       std::vector<Bytes> issuers, UnixMillis now) {
  I2_ASSERT(submissions.size() <= kRoundEntriesMax && issuers.size() <= kRoundIssuersMax);
  // RFC 6962 §3.5: each timestamp is more recent than that of the previous update.
  if (now <= log.timestamp) {
    return backwards("the clock is not ahead of the last checkpoint");
  }
  const std::uint64_t size = log.tree.size();
  if (submissions.size() > kTreeSizeMax - size) {
    return fail("trust.log_range", "the log is full: it has " + std::to_string(size) + " entries");
  }
  std::vector<LogEntry> entries;
  entries.reserve(submissions.size());
  for (Submission& submission : submissions) {
    entries.push_back(
        {.submission = std::move(submission), .index = size + entries.size(), .timestamp = now});
  }
  return make_round(log, std::move(entries), std::move(issuers), now);
}

Bytes encode(const Bundle& bundle) {
  return encode_bundle(bundle, tile_leaves(bundle.entries).bytes);
}

Result<Bundle> decode_bundle(ByteView encoding) {
  wire::CanonicalReader r(encoding, kLogRoundType, kLogRoundVersion);
  Bundle out;
  out.origin = r.text(kOriginSizeMax);
  out.before = read_head(r);
  out.after.tree = read_head(r);
  out.after.timestamp = r.u64();
  const std::size_t count = r.count(kRoundEntriesMax);
  wire::Reader leaves(r.bytes(kBundleEntriesSizeMax));
  for (std::size_t i = 0; i < count && leaves.ok(); ++i) {
    out.entries.push_back(read_tile_leaf(leaves));
    if (out.entries.back().index != out.before.size + i ||
        out.entries.back().timestamp != out.after.timestamp) {
      r.fail();
    }
  }
  for (std::size_t i = r.count(kRoundIssuersMax); i > 0 && r.ok(); --i) {
    out.issuers.push_back(to_bytes(r.bytes(kLoggedCertificateSizeMax)));
  }
  if (!r.finish() || !leaves.done() || out.after.tree.size != out.before.size + count) {
    return wrong_bundle("the bundle of a round is malformed");
  }
  return out;
}

Result<Round> replay(const Log& log, Bundle bundle) {
  if (bundle.origin != log.origin || bundle.before != log.tree.head() ||
      bundle.after.timestamp <= log.timestamp) {
    return wrong_bundle("the bundle does not begin where the log is");
  }
  Round out =
      make_round(log, std::move(bundle.entries), std::move(bundle.issuers), bundle.after.timestamp);
  if (out.after.head() != bundle.after) {
    return wrong_bundle("the entries of the bundle do not lead to the head that it states");
  }
  return out;
}

}  // namespace i2::trustchain::ct
