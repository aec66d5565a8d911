#include <i2/fleet/core/backup.h>
#include <i2/fleet/core/seal.h>
#include <i2/wire/canonical.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>
#include <span>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kWholeVersion = 1;
constexpr std::uint16_t kFramedVersion = 2;
constexpr std::uint16_t kPairsVersion = 1;
constexpr std::size_t kPreambleSize = 4;
constexpr std::size_t kPairsMax = 1024UL * 1024;  // in a frame
constexpr std::size_t kBackupNameMax = 256;
constexpr std::size_t kBackupPathMax = 256;
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kFrameSize = 64;  // more than what stands before a file or record

std::unexpected<Error> invalid_backup(const std::string& why) {
  return fail("fleet.backup_invalid", "this is no usable backup: " + why);
}

bool begins_with_one_of(std::string_view path, std::span<const std::string_view> folders) {
  return std::ranges::any_of(folders,
                             [path](std::string_view folder) { return path.starts_with(folder); });
}
constexpr auto kNodeFolders = std::to_array<std::string_view>({"identity/", "ledger/"});
constexpr auto kServiceFolders = std::to_array<std::string_view>({"ca/", "ct/closed/"});

// Parts of letters, digits, '.', '_' and '-', none of which begins with a dot.
bool is_safe(std::string_view path) {
  const auto good_part = [](auto&& range) {
    const std::string_view part(range.begin(), range.end());
    return !part.empty() && part.front() != '.' && std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == '-';
    });
  };
  return std::ranges::all_of(path | std::views::split('/'), good_part);
}

bool is_at_or_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// The names can be written, and none is in the way of another.
Result<void> check_names(const Backup& backup, std::uint16_t version) {
  const auto good_file = [version](const std::string& path) {
    return is_safe(path) &&
           (begins_with_one_of(path, kNodeFolders) ||
            (version == kFramedVersion && begins_with_one_of(path, kServiceFolders)));
  };
  const auto good_database = [&backup](const std::string& path) {
    const auto inside = [&path](const std::string& other) { return is_at_or_below(other, path); };
    return is_safe(path) && begins_with_one_of(path, kServiceFolders) &&
           std::ranges::none_of(backup.files, inside, &BackupFile::path) &&
           std::ranges::count_if(backup.databases, inside) == 1;
  };
  if (!std::ranges::all_of(backup.files, good_file, &BackupFile::path) ||
      std::ranges::adjacent_find(backup.files, std::ranges::greater_equal{}, &BackupFile::path) !=
          backup.files.end() ||
      !std::ranges::all_of(backup.databases, good_database) ||
      !std::ranges::is_sorted(backup.databases)) {
    return invalid_backup("the names in it are not those of a node's files");
  }
  return {};
}

// A secret that grows leaves copies behind: room for all of it at once.
std::size_t size_of(const Backup& backup) {
  std::size_t out = 1024 + backup.fleet_name.size() + backup.node_name.size();
  for (const BackupFile& file : backup.files) {
    out += kFrameSize + file.path.size() + file.bytes.size();
  }
  for (const auto* const records : {&backup.links, &backup.chunks}) {
    for (const Bytes& record : *records) {
      out += kFrameSize + record.size();
    }
  }
  return out + backup.point.size();
}

void write_records(wire::CanonicalWriter& w, const std::vector<Bytes>& records) {
  w.count(records.size());
  for (const Bytes& record : records) {
    w.bytes(record);
  }
}

std::vector<Bytes> read_records(wire::CanonicalReader& r, std::size_t size_max) {
  std::vector<Bytes> out;
  for (std::size_t left = r.count(kBackupSizeMax); left > 0 && r.ok(); --left) {
    out.push_back(to_bytes(r.bytes(size_max)));
  }
  return out;
}

crypto::SecretBytes encode_head(const Backup& backup) {
  wire::CanonicalWriter w(kBackupType, kFramedVersion);
  w.reserve(size_of(backup));
  w.text(backup.fleet_name);
  w.text(backup.node_name);
  w.fixed(backup.chain_id.view());
  w.fixed(backup.node_id.view());
  w.u64(backup.made);
  w.u64(backup.height);
  w.count(backup.files.size());
  for (const BackupFile& file : backup.files) {
    w.text(file.path);
    w.boolean(file.secret);
    w.bytes(file.bytes.view());
  }
  w.boolean(backup.has_ledger);
  write_records(w, backup.links);
  w.bytes(backup.point);
  write_records(w, backup.chunks);
  w.count(backup.databases.size());
  for (const std::string& database : backup.databases) {
    w.text(database);
  }
  return crypto::SecretBytes(std::move(w).take());
}

Result<Backup> decode_head(ByteView encoding, std::uint16_t version) {
  wire::CanonicalReader r(encoding, kBackupType, version);
  Backup out;
  out.fleet_name = r.text(kBackupNameMax);
  out.node_name = r.text(kBackupNameMax);
  out.chain_id.bytes = r.fixed<32>();
  out.node_id.bytes = r.fixed<32>();
  out.made = r.u64();
  out.height = r.u64();
  for (std::size_t left = r.count(kBackupFilesMax); left > 0 && r.ok(); --left) {
    BackupFile file;
    file.path = r.text(kBackupPathMax);
    file.secret = r.boolean();
    file.bytes = crypto::SecretBytes(to_bytes(r.bytes(kBackupFileSizeMax)));
    out.files.push_back(std::move(file));
  }
  out.has_ledger = r.boolean();
  out.links = read_records(r, kEpochLinkSizeMax);
  out.point = to_bytes(r.bytes(kSealSizeMax + 1024));
  out.chunks = read_records(r, kChunkSizeMax);
  if (version == kFramedVersion) {
    for (std::size_t left = r.count(kBackupDatabasesMax); left > 0 && r.ok(); --left) {
      out.databases.push_back(r.text(kBackupPathMax));
    }
  }
  if (const auto read = r.finish(); !read) {
    return invalid_backup("it was written by another version of this program, or is malformed");
  }
  I2_TRY(check_names(out, version));
  return out;
}

Bytes encode(const BackupPairs& pairs, std::size_t size) {
  wire::CanonicalWriter w(kBackupPairsType, kPairsVersion);
  w.reserve(size + kFrameSize);
  w.u32(pairs.database);
  w.count(pairs.pairs.size());
  for (const BackupPairs::Pair& pair : pairs.pairs) {
    w.bytes(pair.key);
    w.bytes(pair.value);
  }
  return std::move(w).take();
}

Result<BackupPairs> decode_pairs(ByteView encoding) {
  wire::CanonicalReader r(encoding, kBackupPairsType, kPairsVersion);
  BackupPairs out;
  out.database = r.u32();
  for (std::size_t left = r.count(kPairsMax); left > 0 && r.ok(); --left) {
    Bytes key = to_bytes(r.bytes(kBackupPairSizeMax));
    out.pairs.push_back({.key = std::move(key), .value = to_bytes(r.bytes(kBackupPairSizeMax))});
  }
  if (const auto read = r.finish(); !read || out.pairs.empty()) {
    return invalid_backup("a part of a database in it is malformed");
  }
  return out;
}

constexpr std::size_t size_of(const BackupPairs::Pair& pair) {
  return pair.key.size() + pair.value.size() + 2 * sizeof(std::uint32_t);
}

// Databases come one after another, each ascending by key.
class PairOrder {
 public:
  [[nodiscard]] Result<void> follow(const BackupPairs& next, std::size_t databases) {
    if (next.database >= databases || (last_key_ && next.database < database_)) {
      return invalid_backup("it has a part of a database that it does not name");
    }
    if (!last_key_ || next.database != database_) {
      last_key_.reset();
      database_ = next.database;
    }
    for (const BackupPairs::Pair& pair : next.pairs) {
      if (last_key_ && !std::ranges::lexicographical_compare(*last_key_, pair.key)) {
        return invalid_backup("a database in it is out of order");
      }
      last_key_ = pair.key;
    }
    return {};
  }

 private:
  std::uint32_t database_ = 0;
  std::optional<Bytes> last_key_;
};

// The bytes of a file one after another, and their digest.
class FrameReader {
 public:
  explicit FrameReader(const BackupSource& source) : source_(source) {}

  [[nodiscard]] Result<crypto::SecretBytes> take(std::size_t size) {
    I2_TRY_VALUE(Bytes bytes, source_(size));
    crypto::SecretBytes out(std::move(bytes));
    if (out.size() != size) {
      return invalid_backup("it is cut off");
    }
    digest_.update(out.view());
    return out;
  }
  // Empty behind the last frame.
  [[nodiscard]] Result<crypto::SecretBytes> frame(std::size_t size_max) {
    I2_TRY_VALUE(const auto begin, take(sizeof(std::uint32_t)));
    const std::size_t size = wire::Reader(begin.view()).u32();
    if (size > size_max) {
      return invalid_backup("it is damaged, or another file");
    }
    return take(size);
  }
  [[nodiscard]] Result<void> end() {
    const Hash256 computed = digest_.finish();
    I2_TRY_VALUE(const auto stated, take(kDigestSize));
    I2_TRY_VALUE(const Bytes more, source_(1));
    return equal(computed, stated.view()) && more.empty()
               ? Result<void>()
               : invalid_backup("it is damaged or cut off, or another file");
  }

 private:
  const BackupSource& source_;
  crypto::Sha256 digest_;
};

Bytes big_endian_size(std::size_t size) {
  Bytes out;
  wire::Writer(out).u32(static_cast<std::uint32_t>(size));
  return out;
}

}  // namespace

Result<Backup> decode_backup(ByteView encoding) {
  if (encoding.size() < kDigestSize ||
      !equal(crypto::sha256(encoding.first(encoding.size() - kDigestSize)),
             encoding.last(kDigestSize))) {
    return invalid_backup("it is damaged or cut off, or another file");
  }
  return decode_head(encoding.first(encoding.size() - kDigestSize), kWholeVersion);
}

bool is_whole_backup(ByteView begin) {
  wire::Reader r(begin);
  const std::uint16_t type = r.u16();
  const std::uint16_t version = r.u16();
  return r.ok() && type == kBackupType && version == kWholeVersion;
}

Result<void> BackupWriter::write(ByteView bytes) {
  digest_.update(bytes);
  return sink_(bytes);
}

Result<void> BackupWriter::write_frame(ByteView encoding) {
  I2_TRY(write(big_endian_size(encoding.size())));
  return write(encoding);
}

Result<void> BackupWriter::begin(const Backup& backup) {
  const crypto::SecretBytes head = encode_head(backup);
  if (head.size() > kBackupSizeMax) {
    return invalid_backup("the fleet's state is too large for one");
  }
  I2_TRY(write(head.view().first(kPreambleSize)));
  return write_frame(head.view());
}

Result<void> BackupWriter::put(std::uint32_t database, ByteView key, ByteView value) {
  if (key.size() + value.size() > kBackupPairSizeMax) {
    return invalid_backup("a record of " + std::to_string(value.size()) + " bytes is too large");
  }
  if (database != gathered_.database) {
    I2_TRY(flush());
    gathered_.database = database;
  }
  gathered_.pairs.push_back({.key = to_bytes(key), .value = to_bytes(value)});
  gathered_size_ += size_of(gathered_.pairs.back());
  return gathered_size_ >= kBackupFrameSize ? flush() : Result<void>();
}

Result<void> BackupWriter::flush() {
  if (gathered_.pairs.empty()) {
    return {};
  }
  const crypto::SecretBytes encoding(encode(gathered_, gathered_size_));
  gathered_.pairs.clear();
  gathered_size_ = 0;
  return write_frame(encoding.view());
}

Result<void> BackupWriter::finish() {
  I2_TRY(flush());
  I2_TRY(write_frame({}));
  return sink_(digest_.finish());
}

Result<void> read_backup(const BackupSource& source, const BackupVisitor& visitor) {
  FrameReader reader(source);
  I2_TRY_VALUE(const auto preamble, reader.take(kPreambleSize));
  wire::Reader r(preamble.view());
  if (r.u16() != kBackupType) {
    return invalid_backup("it is another file");
  }
  if (r.u16() != kFramedVersion) {
    return invalid_backup("it was written by another version of this program, or is malformed");
  }
  I2_TRY_VALUE(const auto head, reader.frame(kBackupSizeMax));
  I2_TRY_VALUE(Backup backup, decode_head(head.view(), kFramedVersion));
  const std::size_t databases = backup.databases.size();
  I2_TRY(visitor.head(std::move(backup)));
  PairOrder order;
  for (;;) {
    constexpr std::size_t kSizeMax = kBackupFrameSize + kBackupPairSizeMax + kFrameSize;
    I2_TRY_VALUE(const auto frame, reader.frame(kSizeMax));
    if (frame.empty()) {
      return reader.end();
    }
    I2_TRY_VALUE(const BackupPairs pairs, decode_pairs(frame.view()));
    I2_TRY(order.follow(pairs, databases));
    I2_TRY(visitor.pairs(pairs));
  }
}

}  // namespace i2::fleet
