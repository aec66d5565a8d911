// Making a backup of a node and becoming that node again.
//
// A node that was restored knows the fleet as it was then. Until more than half of the other
// members have handed it what came after, it orders nothing alone; it has no vote key, so that it
// cannot sign twice, and rests as a validator until `i2 validator add` makes a new one known.
#pragma once

#include <i2/base/clock.h>
#include <i2/fleet/membership.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace i2::fleet {

// What the services of trust keep, which they name (node/backup_parts.h).
struct BackupParts {
  struct Database {
    std::filesystem::path dir;  // of a store::KeyValueStore, which another process may write
    std::string name;           // where it goes: below ca/ or ct/closed/
  };
  struct File {
    std::string name;  // likewise
    Bytes bytes;
  };
  std::vector<Database> databases;  // each is read as it is after the one before
  std::vector<File> files;
};

struct BackupSummary {
  NodeSummary node;
  UnixMillis made = 0;
  std::uint64_t height = 0;  // of the state in it
  std::uint64_t size = 0;    // of the file, in bytes
  struct Database {
    std::string name;
    std::uint64_t records = 0;
  };
  std::vector<Database> databases{};
};

// Of the node in `data_dir`, whose daemon may be running, into a new `file` with mode 0600. Errors:
// fleet.not_joined, fleet.setup_interrupted, fleet.ledger_damaged, fleet.backup_exists, store.*,
// node.*.
[[nodiscard]] Result<BackupSummary> make_backup(const std::filesystem::path& data_dir,
                                                const std::filesystem::path& file, UnixMillis now,
                                                const BackupParts& parts = {});

struct RestoreOptions {
  std::filesystem::path data_dir;  // in which there is no node
  std::filesystem::path file;
  // No other member has newer operations, or those are given up: the node goes on at once.
  bool newest = false;
};
// Errors: fleet.backup_invalid, fleet.already_member, fleet.block_invalid, fleet.snapshot_invalid,
// node.secret_exposed (the file is readable by others), node.data_dir_*, node.disk_full,
// node.file_*, store.*.
[[nodiscard]] Result<BackupSummary> restore_backup(const RestoreOptions& options);

// Whether the node was restored and has not heard yet what came after the backup.
[[nodiscard]] bool is_behind_backup(const std::filesystem::path& data_dir);
// It has. Errors: node.file_failed.
[[nodiscard]] Result<void> forget_backup(const std::filesystem::path& data_dir);

// When the backup was made from which the records of the authority in `data_dir` come, until that
// is forgotten: the authority says so in its audit log. Errors: node.file_failed.
[[nodiscard]] Result<std::optional<UnixMillis>> authority_backup(
    const std::filesystem::path& data_dir);
[[nodiscard]] Result<void> forget_authority_backup(const std::filesystem::path& data_dir);

}  // namespace i2::fleet
