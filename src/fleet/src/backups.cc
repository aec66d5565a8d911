#include <i2/fleet/backups.h>
#include <i2/fleet/core/backup.h>
#include <i2/fleet/ledger.h>

#include <algorithm>
#include <set>

#include "layout.h"
#include "ledger_files.h"
#include "setup.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

// The database may change between two looks at its files.
constexpr int kViewsMax = 3;

// What is not taken: the database is read through, and a node never votes with an older memory.
bool is_left_out(std::string_view path) {
  return path.starts_with(std::string(kStateDir) + "/") ||
         path.starts_with(std::string(kSignerDir) + "/") || path == kHeadFile ||
         path == kVotesFile || path == kRestoredFile;
}

Result<std::vector<BackupFile>> read_files(const fs::path& data_dir) {
  std::vector<fs::path> paths;
  for (const std::string_view part : {kIdentityDir, kLedgerDir}) {
    std::error_code error;
    for (fs::recursive_directory_iterator at(data_dir / part, error), end; !error && at != end;
         at.increment(error)) {
      const fs::path relative = at->path().lexically_relative(data_dir);
      const bool temporary = relative.filename().string().starts_with('.');
      if (at->is_regular_file(error) && !temporary && !is_left_out(relative.string())) {
        paths.push_back(relative);
      }
    }
    if (error) {
      return fail(file_error("read the directory", data_dir / part, error.value()));
    }
  }
  std::ranges::sort(paths, {}, [](const fs::path& path) { return path.string(); });
  std::vector<BackupFile> out;
  for (const fs::path& path : paths) {
    std::error_code ignored;  // reading it says more
    const fs::perms mode = fs::status(data_dir / path, ignored).permissions();
    BackupFile file{.path = path.string(),
                    .secret = (mode & fs::perms::group_read) == fs::perms::none,
                    .bytes = {}};
    I2_TRY_VALUE(Bytes bytes, read_file(data_dir / path, kBackupFileSizeMax));
    file.bytes = crypto::SecretBytes(std::move(bytes));
    out.push_back(std::move(file));
  }
  return out;
}

Result<void> add_state(Backup& backup, const fs::path& data_dir) {
  const StateMachine machine;
  auto ledger = Ledger::view(data_dir, machine, backup.chain_id);
  for (int view = 1; !ledger && view < kViewsMax; ++view) {
    ledger = Ledger::view(data_dir, machine, backup.chain_id);
  }
  if (!ledger) {
    return fail(ledger.error());
  }
  I2_TRY_VALUE(const auto snapshot, (*ledger)->snapshot());
  if (!snapshot) {
    return {};  // before the first block there is the genesis alone
  }
  backup.height = snapshot->point.header.height;
  backup.point = encode(snapshot->point);
  for (const EpochLink& link : snapshot->links) {
    backup.links.push_back(encode(link));
  }
  const StateTree& state = snapshot->chain->state;
  SnapshotReader reader(state.root());
  while (!reader.complete()) {
    backup.chunks.push_back(encode_chunk(state, reader.offset()));
    I2_TRY(reader.add(backup.chunks.back()));
  }
  return {};
}

// The ledger that the backup describes, below `dir`.
Result<void> make_ledger(const fs::path& dir, const Backup& backup) {
  I2_TRY_VALUE(const Bytes genesis_bytes, read_file(dir / kGenesisFile, kGenesisSizeMax));
  I2_TRY_VALUE(const Genesis genesis, decode_genesis(genesis_bytes));
  if (backup.point.empty()) {
    return Ledger::create(dir, genesis);
  }
  I2_TRY_VALUE(const SealedHeader point, decode_snapshot_point(backup.point));
  std::vector<EpochLink> links;
  for (const Bytes& encoding : backup.links) {
    I2_TRY_VALUE(EpochLink link, decode_link(encoding));
    links.push_back(std::move(link));
  }
  SnapshotReader reader(point.header.state);
  for (const Bytes& chunk : backup.chunks) {
    I2_TRY(reader.add(chunk));
  }
  if (!reader.complete()) {
    return fail("fleet.backup_invalid", "this is no usable backup: a part of the state is missing");
  }
  return Ledger::create(dir, genesis, links, point, reader.tree());
}

Result<DataDirLock> claim_empty(const fs::path& dir) {
  I2_TRY(make_data_dir(dir));
  I2_TRY_VALUE(auto lock, DataDirLock::acquire(dir));
  I2_TRY_VALUE(const DataDirState state, inspect_data_dir(dir));
  if (state == DataDirState::kComplete) {
    I2_TRY_VALUE(const NodeSummary there, describe_node(dir));
    return fail("fleet.already_member", "'" + dir.string() + "' already is node '" +
                                            there.node_name + "' of fleet '" + there.fleet_name +
                                            "': move it away or choose another data directory");
  }
  return lock;
}

}  // namespace

Result<BackupSummary> make_backup(const fs::path& data_dir, const fs::path& file, UnixMillis now) {
  I2_TRY(require_node(data_dir));
  BackupSummary out{.node = {}, .made = now, .height = 0, .size = 0};
  I2_TRY_VALUE(out.node, describe_node(data_dir));
  I2_TRY_VALUE(const DataDirVersion version, read_version(data_dir));
  Backup backup{.fleet_name = out.node.fleet_name,
                .node_name = out.node.node_name,
                .chain_id = out.node.chain_id,
                .node_id = out.node.node_id,
                .made = now,
                .height = 0,
                .files = {},
                .has_ledger = version.has_ledger,
                .links = {},
                .point = {},
                .chunks = {}};
  I2_TRY_VALUE(backup.files, read_files(data_dir));
  if (version.has_ledger) {
    I2_TRY(add_state(backup, data_dir));
  }
  const crypto::SecretBytes encoding = encode(backup);
  if (encoding.size() > kBackupSizeMax) {
    return fail("fleet.backup_invalid", "the fleet's state is too large for a backup");
  }
  I2_TRY(decode_backup(encoding.view()));  // now, not on the day when it is needed
  I2_TRY(FileWriter().write_new(
      file, encoding.view(), kSecretMode,
      Error("fleet.backup_exists",
            "'" + file.string() + "' is there already: choose another name")));
  out.height = backup.height;
  out.size = encoding.size();
  return out;
}

Result<BackupSummary> restore_backup(const RestoreOptions& options) {
  I2_TRY_VALUE(const crypto::SecretBytes encoding, read_secret(options.file, kBackupSizeMax));
  I2_TRY_VALUE(Backup backup, decode_backup(encoding.view()));
  I2_TRY_VALUE(const DataDirLock lock, claim_empty(options.data_dir));
  SetupContents contents;
  contents.chain_id = backup.chain_id;
  std::set<std::string> directories{std::string(kIdentityDir), std::string(kLedgerDir)};
  for (BackupFile& file : backup.files) {
    for (fs::path above = fs::path(file.path).parent_path(); !above.empty();
         above = above.parent_path()) {
      directories.insert(above.string());
    }
    contents.files.push_back({.path = file.path,
                              .bytes = std::move(file.bytes),
                              .mode = file.secret ? kSecretMode : kPublicMode});
  }
  for (const std::string_view always : {kAnchorsDir, kMembersDir}) {
    directories.emplace(always);
  }
  contents.directories.assign(directories.begin(), directories.end());
  if (!options.newest) {
    contents.files.push_back(
        public_file(kRestoredFile, to_bytes(as_bytes(std::to_string(backup.height) + "\n"))));
  }
  if (backup.has_ledger) {
    contents.make_ledger = [&backup](const fs::path& dir) { return make_ledger(dir, backup); };
  }
  I2_TRY(commit_setup(FileWriter(), options.data_dir, contents));
  BackupSummary out{
      .node = {}, .made = backup.made, .height = backup.height, .size = encoding.size()};
  I2_TRY_VALUE(out.node, describe_node(options.data_dir));
  return out;
}

bool is_behind_backup(const fs::path& data_dir) {
  return is_present(data_dir / kRestoredFile);
}

Result<void> forget_backup(const fs::path& data_dir) {
  return FileWriter().remove(data_dir / kRestoredFile);
}

}  // namespace i2::fleet
