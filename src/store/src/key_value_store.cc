#include <i2/store/key_value_store.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <string>

namespace i2::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWriteBufferSize = 8 * 1024 * 1024;
constexpr std::size_t kCacheSize = 8 * 1024 * 1024;
constexpr std::size_t kLogSizeMax = 64 * 1024 * 1024;
constexpr int kOpenFilesMax = 128;
constexpr int kViewAttemptsMax = 5;

// RocksDB compares also empty slices by memcmp(), which takes no null pointer.
rocksdb::Slice slice(ByteView bytes) {
  return bytes.empty() ? rocksdb::Slice()
                       : rocksdb::Slice(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
ByteView view(const rocksdb::Slice& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Error to_error(const rocksdb::Status& status, const fs::path& dir) {
  const std::string text = status.ToString();
  const std::string where = "the database '" + dir.string() + "'";
  // RocksDB has no status of their own for EFBIG and EDQUOT.
  if (status.IsNoSpace() || contains(text, "No space left") || contains(text, "File too large") ||
      contains(text, "quota exceeded")) {
    return {"store.disk_full",
            where + " cannot be written: make room and start again (" + text + ")"};
  }
  if (contains(text, "lock hold by") || contains(text, "/LOCK: Resource temporarily unavailable")) {
    return {"store.locked", where + " is open in another process: stop that one first"};
  }
  if (contains(text, "does not exist (create_if_missing is false)")) {
    return {"store.missing", where + " is not there: restore the data directory from a backup"};
  }
  if (status.IsCorruption() || contains(text, "checksum mismatch")) {
    return {"store.damaged", where + " is damaged: restore it from a backup (" + text + ")"};
  }
  if (status.IsNotSupported()) {
    return {"store.version",
            where + " was written by a newer program: update this one (" + text + ")"};
  }
  return {"store.failed", where + ": " + text};
}

rocksdb::Options make_options(KeyValueStore::Mode mode) {
  rocksdb::Options out;
  out.create_if_missing = mode == KeyValueStore::Mode::kCreate;
  out.paranoid_checks = true;
  // The tail of the log may be torn by a crash: that batch was never acknowledged. What was is
  // missed by the head file.
  out.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  out.write_buffer_size = kWriteBufferSize;
  out.max_total_wal_size = kLogSizeMax;
  out.max_open_files = kOpenFilesMax;
  out.max_background_jobs = 2;
  out.compression = rocksdb::kNoCompression;
  out.info_log_level = rocksdb::WARN_LEVEL;
  out.keep_log_file_num = 2;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kCacheSize);
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

// The logs of a database, by name.
std::set<std::string> log_names(const fs::path& dir) {
  std::set<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".log") {
      out.insert(at->path().filename().string());
    }
  }
  return out;
}

}  // namespace

// Where RocksDB writes what it notes about a view.
struct NotesDir {
  NotesDir() {
    std::string name = (fs::temp_directory_path() / "i2-view-XXXXXX").string();
    path = ::mkdtemp(name.data()) == nullptr ? fs::path() : fs::path(name);
  }
  ~NotesDir() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  NotesDir(const NotesDir&) = delete;
  NotesDir& operator=(const NotesDir&) = delete;
  fs::path path;
};

struct KeyValueStore::Impl {
  fs::path dir;
  std::optional<NotesDir> notes;  // removed after the database is closed
  std::unique_ptr<rocksdb::DB> db;
  std::atomic<bool> failed = false;

  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> iterator() const {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options));
  }
  // The tables are read first and the logs then. What the other process has moved from a log to a
  // table in between is in neither, so a view counts only if no log has gone meanwhile.
  [[nodiscard]] Result<void> open_view(const rocksdb::Options& options) {
    for (int attempt = 1;; ++attempt) {
      db.reset();
      notes.emplace();
      const auto before = log_names(dir);
      rocksdb::DB* opened = nullptr;
      const auto status =
          rocksdb::DB::OpenAsSecondary(options, dir.string(), notes->path.string(), &opened);
      db.reset(opened);
      const auto after = log_names(dir);
      if (status.ok() && std::ranges::includes(after, before)) {
        return {};
      }
      if (attempt == kViewAttemptsMax) {
        return fail(status.ok() ? Error("store.failed", "the database '" + dir.string() +
                                                            "' changes too fast to be read: try "
                                                            "again")
                                : to_error(status, dir));
      }
    }
  }
  [[nodiscard]] Result<std::optional<Pair>> pair_at(const rocksdb::Iterator& at,
                                                    ByteView prefix) const {
    if (!at.status().ok()) {
      return fail(to_error(at.status(), dir));
    }
    if (!at.Valid() || !at.key().starts_with(slice(prefix))) {
      return std::nullopt;
    }
    return std::optional(
        Pair{.key = to_bytes(view(at.key())), .value = to_bytes(view(at.value()))});
  }
  [[nodiscard]] Result<void> writable() const {
    return failed ? fail("store.failed", "the database '" + dir.string() +
                                             "' is closed for writing after an error: start again")
                  : Result<void>{};
  }
  [[nodiscard]] Result<void> written(const rocksdb::Status& status) {
    if (status.ok()) {
      return {};
    }
    failed = true;
    return fail(to_error(status, dir));
  }
};

KeyValueStore::KeyValueStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KeyValueStore::~KeyValueStore() = default;

Result<std::unique_ptr<KeyValueStore>> KeyValueStore::open(const fs::path& dir, Mode mode) {
  auto impl = std::make_unique<Impl>();
  impl->dir = dir;
  rocksdb::DB* db = nullptr;
  rocksdb::Options options = make_options(mode);
  rocksdb::Status status;
  if (mode == Mode::kView) {
    options.max_open_files = -1;  // the other process may remove files meanwhile
    I2_TRY(impl->open_view(options));
    return std::unique_ptr<KeyValueStore>(new KeyValueStore(std::move(impl)));
  }
  status = rocksdb::DB::Open(options, dir.string(), &db);
  if (!status.ok()) {
    return fail(to_error(status, dir));
  }
  impl->db.reset(db);
  return std::unique_ptr<KeyValueStore>(new KeyValueStore(std::move(impl)));
}

Result<std::optional<Bytes>> KeyValueStore::get(ByteView key) const {
  std::string value;
  const auto status = impl_->db->Get(rocksdb::ReadOptions(), slice(key), &value);
  if (status.IsNotFound()) {
    return std::nullopt;
  }
  if (!status.ok()) {
    return fail(to_error(status, impl_->dir));
  }
  return std::optional(to_bytes(as_bytes(value)));
}

Result<void> KeyValueStore::scan(
    ByteView prefix, const std::function<bool(ByteView key, ByteView value)>& visit) const {
  return scan_from(prefix, prefix, visit);
}

Result<void> KeyValueStore::scan_from(
    ByteView first, ByteView prefix,
    const std::function<bool(ByteView key, ByteView value)>& visit) const {
  const auto at = impl_->iterator();
  for (at->Seek(slice(first)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next()) {
    if (!visit(view(at->key()), view(at->value()))) {
      break;
    }
  }
  if (!at->status().ok()) {
    return fail(to_error(at->status(), impl_->dir));
  }
  return {};
}

Result<std::optional<KeyValueStore::Pair>> KeyValueStore::first_from(ByteView key,
                                                                     ByteView prefix) const {
  const auto at = impl_->iterator();
  at->Seek(slice(key));
  return impl_->pair_at(*at, prefix);
}

Result<std::optional<KeyValueStore::Pair>> KeyValueStore::last_to(ByteView key,
                                                                  ByteView prefix) const {
  const auto at = impl_->iterator();
  at->SeekForPrev(slice(key));
  return impl_->pair_at(*at, prefix);
}

Result<void> KeyValueStore::commit(const Batch& batch, Durability durability) {
  I2_TRY(impl_->writable());
  rocksdb::WriteBatch writes;
  for (const Bytes& prefix : batch.erased()) {
    Bytes end = prefix;
    ++end.back();
    if (const auto status = writes.DeleteRange(slice(prefix), slice(end)); !status.ok()) {
      return fail(to_error(status, impl_->dir));
    }
  }
  for (const Batch::Change& change : batch.changes()) {
    const auto status = change.value ? writes.Put(slice(change.key), slice(*change.value))
                                     : writes.Delete(slice(change.key));
    if (!status.ok()) {
      return fail(to_error(status, impl_->dir));
    }
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  return impl_->written(impl_->db->Write(options, &writes));
}

Result<void> KeyValueStore::sync() {
  I2_TRY(impl_->writable());
  return impl_->written(impl_->db->SyncWAL());
}

}  // namespace i2::store
