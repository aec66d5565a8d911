// One round of a log: submissions get their places, and a new checkpoint commits to them.
//
// A round is a value. Whoever runs the log writes the bundle durably, replaces the last signed
// checkpoint with the new one (compare and swap), writes the objects (create-only, in their order),
// publishes the checkpoint, and only then hands out SCTs. After a crash the last signed checkpoint
// decides: one that states the bundle's `after` means that the round happened and is replayed; one
// that states its `before`, that it did not.
#pragma once

#include <i2/base/clock.h>
#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/trustchain/core/ct/log_tree.h>

#include <span>
#include <string>
#include <vector>

namespace i2::trustchain::ct {

inline constexpr std::size_t kRoundEntriesMax = 16'384;
inline constexpr std::size_t kRoundIssuersMax = 1024;

struct LogHead {
  TreeHead tree;
  UnixMillis timestamp = 0;
  friend bool operator==(const LogHead&, const LogHead&) = default;
};

// RFC 6962 §3.5: a log's heads neither shrink nor go back in time, and one size has one root.
// Error: trust.log_backwards.
[[nodiscard]] Result<void> check_advance(const LogHead& from, const LogHead& to);

// What the writer of a log keeps between rounds.
struct Log {
  std::string origin;
  LogTree tree;
  Bytes last_entries;        // the contents of the partial data tile
  UnixMillis timestamp = 0;  // of the last checkpoint

  [[nodiscard]] LogHead head() const { return {.tree = tree.head(), .timestamp = timestamp}; }
};
// From the tiles of the last checkpoint. Errors: trust.tile_damaged, trust.log_entry_invalid, those
// of `read`.
[[nodiscard]] Result<Log> open_log(std::string origin, const LogHead& head, const TileReader& read);

// Has one name and one content for ever.
struct StoredObject {
  std::string path;
  Bytes bytes;
  friend bool operator==(const StoredObject&, const StoredObject&) = default;
};
// static-ct-api: "issuer/<fingerprint>".
[[nodiscard]] std::string issuer_path(const Hash256& fingerprint);

struct Round {
  std::vector<LogEntry> entries;      // with the places and the time that their SCTs state
  Bytes bundle;                       // from which replay() makes this round again
  Checkpoint checkpoint;              // to be signed, with after.timestamp
  std::vector<StoredObject> objects;  // issuers, data tiles, tiles
  Log after;
};

// At most kRoundEntriesMax submissions that have passed check(); none refreshes the checkpoint.
// `issuers`: the certificates of their chains that are not stored yet. Errors: trust.log_backwards
// (`now` is not after the last checkpoint), trust.log_range (the log is full).
[[nodiscard]] Result<Round> sequence(const Log& log, std::vector<Submission> submissions,
                                     std::vector<Bytes> issuers, UnixMillis now);

struct Bundle {
  std::string origin;
  TreeHead before;
  LogHead after;
  std::vector<LogEntry> entries;
  std::vector<Bytes> issuers;
};
[[nodiscard]] Bytes encode(const Bundle& bundle);
// Error: trust.bundle_invalid.
[[nodiscard]] Result<Bundle> decode_bundle(ByteView encoding);
// The same round again, on the log as it was before. Error: trust.bundle_invalid, when it would
// not be the same.
[[nodiscard]] Result<Round> replay(const Log& log, Bundle bundle);

}  // namespace i2::trustchain::ct
