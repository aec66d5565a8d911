// Backup: a node in one file (docs/wire/backup.md).
//
// The node's files, secret keys among them, the state of its fleet with the links and the seal
// that prove it, and databases as pairs of bytes. Not the blocks that led to that state, and
// nothing that the node votes with: a vote key with the memory of another time would sign twice.
//
// A file is written and read in frames, so that no database has to fit into memory.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/secret.h>

#include <functional>
#include <string>
#include <vector>

namespace i2::fleet {

inline constexpr std::uint16_t kBackupType = 0x0216;
inline constexpr std::uint16_t kBackupPairsType = 0x0219;
inline constexpr std::size_t kBackupSizeMax = 1024UL * 1024 * 1024;  // encoded, without databases
inline constexpr std::size_t kBackupFilesMax = 100'000;
inline constexpr std::size_t kBackupFileSizeMax = 1024UL * 1024;
inline constexpr std::size_t kBackupDatabasesMax = 64;
inline constexpr std::size_t kBackupFrameSize = 4 * 1024UL * 1024;      // of pairs, at least
inline constexpr std::size_t kBackupPairSizeMax = 128 * 1024UL * 1024;  // key and value

struct BackupFile {
  std::string path;  // below the data directory: identity/, ledger/; ca/, ct/closed/
  bool secret = true;
  crypto::SecretBytes bytes;
};

struct Backup {
  std::string fleet_name;
  std::string node_name;
  ChainId chain_id;
  NodeId node_id;
  UnixMillis made = 0;
  std::uint64_t height = 0;  // of the state; 0: before the first block
  std::vector<BackupFile> files;
  bool has_ledger = false;               // false: of data directory format 1, the files are all
  std::vector<Bytes> links;              // encoded EpochLinks, from the genesis on
  Bytes point;                           // encoded SealedHeader; empty at height 0
  std::vector<Bytes> chunks;             // of the state it names
  std::vector<std::string> databases{};  // their folders: ca/, ct/closed/; ascending
};

// Some of a database, ascending by key.
struct BackupPairs {
  std::uint32_t database = 0;  // its place in the list
  struct Pair {
    Bytes key;
    Bytes value;
  };
  std::vector<Pair> pairs;
};

// A file of version 1, which held no databases and is one value. Form, and that nothing was altered
// by accident; the paths are safe to write. Whoever can write the file can change it.
// Error: fleet.backup_invalid.
[[nodiscard]] Result<Backup> decode_backup(ByteView encoding);
// Whether a file that begins with these bytes is of version 1.
[[nodiscard]] bool is_whole_backup(ByteView begin);

// Writes a file of version 2: begin(), put() for all pairs in order, finish(). Errors: of `sink`,
// fleet.backup_invalid (the state or a pair is too large).
class BackupWriter {
 public:
  using Sink = std::function<Result<void>(ByteView)>;
  explicit BackupWriter(Sink sink) : sink_(std::move(sink)) {}

  [[nodiscard]] Result<void> begin(const Backup& backup);
  [[nodiscard]] Result<void> put(std::uint32_t database, ByteView key, ByteView value);
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> write(ByteView bytes);
  [[nodiscard]] Result<void> write_frame(ByteView encoding);
  [[nodiscard]] Result<void> flush();

  Sink sink_;
  crypto::Sha256 digest_;
  BackupPairs gathered_;
  std::size_t gathered_size_ = 0;
};

// Reads a file of version 2. `source`: the next so many bytes, and none at the end. What `head` and
// `pairs` are handed has good form and safe paths; that nothing was altered is known when this
// returns without an error. Errors: fleet.backup_invalid, those of the three.
struct BackupVisitor {
  std::function<Result<void>(Backup)> head;
  std::function<Result<void>(const BackupPairs&)> pairs;
};
using BackupSource = std::function<Result<Bytes>(std::size_t size)>;
[[nodiscard]] Result<void> read_backup(const BackupSource& source, const BackupVisitor& visitor);

}  // namespace i2::fleet
