// Backup: a node in one file (docs/wire/backup.md).
//
// The node's files, secret keys among them, and the state of its fleet with the links and the seal
// that prove it. Not the blocks that led to that state, and nothing that the node votes with: a
// vote key with the memory of another time would sign twice.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/crypto/secret.h>

#include <string>
#include <vector>

namespace i2::fleet {

inline constexpr std::uint16_t kBackupType = 0x0216;
inline constexpr std::size_t kBackupSizeMax = 1024UL * 1024 * 1024;  // encoded
inline constexpr std::size_t kBackupFilesMax = 100'000;
inline constexpr std::size_t kBackupFileSizeMax = 1024UL * 1024;

struct BackupFile {
  std::string path;  // below the data directory: identity/... or ledger/...
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
  bool has_ledger = false;    // false: of data directory format 1, the files are all
  std::vector<Bytes> links;   // encoded EpochLinks, from the genesis on
  Bytes point;                // encoded SealedHeader; empty at height 0
  std::vector<Bytes> chunks;  // of the state it names
};

[[nodiscard]] crypto::SecretBytes encode(const Backup& backup);
// Form, and that nothing was altered by accident; the paths are safe to write. Whoever can write
// the file can change it. Error: fleet.backup_invalid.
[[nodiscard]] Result<Backup> decode_backup(ByteView encoding);

}  // namespace i2::fleet
