#include <i2/fleet/backups.h>
#include <i2/fleet/core/backup.h>
#include <i2/fleet/ledger.h>
#include <i2/store/key_value_store.h>
#include <i2/wire/text.h>

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

using Views = std::vector<std::unique_ptr<store::KeyValueStore>>;

Result<Views> open_views(const BackupParts& parts) {
  Views out;
  for (const BackupParts::Database& part : parts.databases) {
    I2_TRY_VALUE(auto view,
                 store::KeyValueStore::open(part.dir, store::KeyValueStore::Mode::kView));
    out.push_back(std::move(view));
  }
  return out;
}

Result<void> write_backup(const Backup& backup, const Views& views, const FileWriter::Sink& sink,
                          BackupSummary& summary) {
  BackupWriter writer([&](ByteView bytes) {
    summary.size += bytes.size();
    return sink(bytes);
  });
  I2_TRY(writer.begin(backup));
  for (std::size_t i = 0; i < views.size(); ++i) {
    Result<void> written;
    I2_TRY(views[i]->scan({}, [&](ByteView key, ByteView value) {
      written = writer.put(static_cast<std::uint32_t>(i), key, value);
      ++summary.databases[i].records;
      return written.has_value();
    }));
    I2_TRY(written);
  }
  return writer.finish();
}

Result<void> visit_backup(const fs::path& path, const BackupVisitor& visitor) {
  I2_TRY_VALUE(SecretFile file, SecretFile::open(path));
  return read_backup([&file](std::size_t size) { return file.next(size); }, visitor);
}

// Now, not on the day when it is needed.
Result<void> check_backup(const fs::path& path) {
  return visit_backup(path, {.head = [](const Backup&) { return Result<void>(); },
                             .pairs = [](const BackupPairs&) { return Result<void>(); }});
}

struct ReadBackup {
  Backup backup;
  std::uint64_t size = 0;
  std::vector<BackupSummary::Database> databases{};
};

// All of the file has been looked at when this returns; the databases stay in it.
Result<ReadBackup> read_head(const fs::path& path) {
  ReadBackup out;
  I2_TRY_VALUE(SecretFile file, SecretFile::open(path));
  out.size = file.size();
  constexpr std::size_t kBeginSize = 4;
  I2_TRY_VALUE(const Bytes begin, file.next(kBeginSize));
  if (is_whole_backup(begin)) {
    I2_TRY_VALUE(const crypto::SecretBytes encoding, read_secret(path, kBackupSizeMax));
    I2_TRY_VALUE(out.backup, decode_backup(encoding.view()));
    return out;
  }
  I2_TRY(visit_backup(path, {.head =
                                 [&out](Backup head) {
                                   for (const std::string& name : head.databases) {
                                     out.databases.push_back({.name = name});
                                   }
                                   out.backup = std::move(head);
                                   return Result<void>();
                                 },
                             .pairs =
                                 [&out](const BackupPairs& some) {
                                   out.databases[some.database].records += some.pairs.size();
                                   return Result<void>();
                                 }}));
  return out;
}

// Each is on the disk when this returns.
Result<void> make_databases(const fs::path& file, const fs::path& dir,
                            const std::vector<std::string>& names) {
  std::vector<std::unique_ptr<store::KeyValueStore>> stores;
  for (const std::string& name : names) {
    I2_TRY_VALUE(auto made,
                 store::KeyValueStore::open(dir / name, store::KeyValueStore::Mode::kCreate));
    stores.push_back(std::move(made));
  }
  I2_TRY(visit_backup(file, {.head = [](const Backup&) { return Result<void>(); },
                             .pairs = [&stores](const BackupPairs& some) -> Result<void> {
                               if (some.database >= stores.size()) {
                                 return fail("fleet.backup_invalid",
                                             "the backup changes while it is read");
                               }
                               store::Batch batch;
                               for (const BackupPairs::Pair& pair : some.pairs) {
                                 batch.put(pair.key, pair.value);
                               }
                               return stores[some.database]->commit(
                                   batch, store::KeyValueStore::Durability::kLater);
                             }}));
  for (const auto& one : stores) {
    I2_TRY(one->sync());
  }
  return {};
}

void add_folders_above(std::set<std::string>& out, const std::string& path) {
  for (fs::path above = fs::path(path).parent_path(); !above.empty(); above = above.parent_path()) {
    out.insert(above.string());
  }
}

SetupContents restored_contents(Backup& backup, bool newest) {
  SetupContents out;
  out.chain_id = backup.chain_id;
  std::set<std::string> directories{std::string(kIdentityDir), std::string(kLedgerDir)};
  for (BackupFile& file : backup.files) {
    add_folders_above(directories, file.path);
    out.files.push_back({.path = file.path,
                         .bytes = std::move(file.bytes),
                         .mode = file.secret ? kSecretMode : kPublicMode});
  }
  for (const std::string& database : backup.databases) {
    add_folders_above(directories, database);
  }
  for (const std::string_view always : {kAnchorsDir, kMembersDir}) {
    directories.emplace(always);
  }
  if (directories.contains(std::string(kAuthorityDir))) {
    out.files.push_back(public_file(kAuthorityRestoredFile,
                                    to_bytes(as_bytes(std::to_string(backup.made) + "\n"))));
  }
  if (!newest) {
    out.files.push_back(
        public_file(kRestoredFile, to_bytes(as_bytes(std::to_string(backup.height) + "\n"))));
  }
  out.directories.assign(directories.begin(), directories.end());
  return out;
}

Result<DataDirLock> claim_empty(const fs::path& dir, bool with_services) {
  I2_TRY(make_data_dir(dir));
  I2_TRY_VALUE(auto lock, DataDirLock::acquire(dir));
  I2_TRY_VALUE(const DataDirState state, inspect_data_dir(dir));
  if (state == DataDirState::kComplete) {
    I2_TRY_VALUE(const NodeSummary there, describe_node(dir));
    return fail("fleet.already_member", "'" + dir.string() + "' already is node '" +
                                            there.node_name + "' of fleet '" + there.fleet_name +
                                            "': move it away or choose another data directory");
  }
  for (const std::string_view part : {kAuthorityDir, kLogDir}) {
    if (with_services && state == DataDirState::kEmpty && is_present(dir / part)) {
      return fail("node.data_dir_unrecognised",
                  "'" + (dir / part).string() +
                      "' is there already: move it away or choose another data directory");
    }
  }
  return lock;
}

}  // namespace

Result<BackupSummary> make_backup(const fs::path& data_dir, const fs::path& file, UnixMillis now,
                                  const BackupParts& parts) {
  I2_TRY(require_node(data_dir));
  // The state comes last: what an authority has handed in to the fleet's index is in it.
  I2_TRY_VALUE(const Views views, open_views(parts));
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
  for (const BackupParts::File& part : parts.files) {
    backup.files.push_back(
        {.path = part.name, .secret = true, .bytes = crypto::SecretBytes(to_bytes(part.bytes))});
  }
  std::ranges::sort(backup.files, {}, &BackupFile::path);
  for (const BackupParts::Database& part : parts.databases) {
    backup.databases.push_back(part.name);
    out.databases.push_back({.name = part.name});
  }
  const FileWriter::Contents contents{
      .fill = [&](const FileWriter::Sink& sink) { return write_backup(backup, views, sink, out); },
      .check = [](const fs::path& written) { return check_backup(written); }};
  I2_TRY(FileWriter().write_new(
      file, contents, kSecretMode,
      Error("fleet.backup_exists",
            "'" + file.string() + "' is there already: choose another name")));
  out.height = backup.height;
  return out;
}

Result<BackupSummary> restore_backup(const RestoreOptions& options) {
  I2_TRY_VALUE(ReadBackup read, read_head(options.file));
  Backup& backup = read.backup;
  I2_TRY_VALUE(const DataDirLock lock, claim_empty(options.data_dir, !backup.databases.empty()));
  SetupContents contents = restored_contents(backup, options.newest);
  if (backup.has_ledger) {
    contents.make_ledger = [&backup](const fs::path& dir) { return make_ledger(dir, backup); };
  }
  if (!backup.databases.empty()) {
    contents.make_services = [&](const fs::path& dir) {
      return make_databases(options.file, dir, backup.databases);
    };
  }
  I2_TRY(commit_setup(FileWriter(), options.data_dir, contents));
  BackupSummary out{.node = {},
                    .made = backup.made,
                    .height = backup.height,
                    .size = read.size,
                    .databases = std::move(read.databases)};
  I2_TRY_VALUE(out.node, describe_node(options.data_dir));
  return out;
}

bool is_behind_backup(const fs::path& data_dir) {
  return is_present(data_dir / kRestoredFile);
}

Result<void> forget_backup(const fs::path& data_dir) {
  return FileWriter().remove(data_dir / kRestoredFile);
}

Result<std::optional<UnixMillis>> authority_backup(const fs::path& data_dir) {
  const fs::path path = data_dir / kAuthorityRestoredFile;
  if (!is_present(path)) {
    return std::nullopt;
  }
  constexpr std::size_t kSizeMax = 64;
  I2_TRY_VALUE(const Bytes text, read_file(path, kSizeMax));
  const auto line = as_text(text).substr(0, as_text(text).find('\n'));
  return std::optional(wire::from_decimal(line).value_or(0));
}

Result<void> forget_authority_backup(const fs::path& data_dir) {
  return FileWriter().remove(data_dir / kAuthorityRestoredFile);
}

}  // namespace i2::fleet
