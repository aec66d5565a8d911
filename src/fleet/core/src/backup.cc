#include <i2/crypto/hash.h>
#include <i2/fleet/core/backup.h>
#include <i2/fleet/core/seal.h>
#include <i2/wire/canonical.h>

#include <algorithm>
#include <ranges>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kBackupVersion = 1;
constexpr std::size_t kBackupNameMax = 256;
constexpr std::size_t kBackupPathMax = 256;
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kFrameSize = 64;  // more than what stands before a file or record

std::unexpected<Error> invalid_backup(const std::string& why) {
  return fail("fleet.backup_invalid", "this is no usable backup: " + why);
}

// Parts of letters, digits, '.', '_' and '-', none of which begins with a dot.
bool is_safe(std::string_view path) {
  const auto good_part = [](auto&& range) {
    const std::string_view part(range.begin(), range.end());
    return !part.empty() && part.front() != '.' && std::ranges::all_of(part, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == '-';
    });
  };
  return (path.starts_with("identity/") || path.starts_with("ledger/")) &&
         std::ranges::all_of(path | std::views::split('/'), good_part);
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

}  // namespace

crypto::SecretBytes encode(const Backup& backup) {
  wire::CanonicalWriter w(kBackupType, kBackupVersion);
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
  Bytes out = std::move(w).take();
  append(out, crypto::sha256(out));
  return crypto::SecretBytes(std::move(out));
}

Result<Backup> decode_backup(ByteView encoding) {
  if (encoding.size() < kDigestSize ||
      !equal(crypto::sha256(encoding.first(encoding.size() - kDigestSize)),
             encoding.last(kDigestSize))) {
    return invalid_backup("it is damaged or cut off, or another file");
  }
  wire::CanonicalReader r(encoding.first(encoding.size() - kDigestSize), kBackupType,
                          kBackupVersion);
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
  if (const auto read = r.finish(); !read) {
    return invalid_backup("it was written by another version of this program, or is malformed");
  }
  if (!std::ranges::all_of(out.files, is_safe, &BackupFile::path) ||
      std::ranges::adjacent_find(out.files, std::ranges::greater_equal{}, &BackupFile::path) !=
          out.files.end()) {
    return invalid_backup("the names in it are not those of a node's files");
  }
  return out;
}

}  // namespace i2::fleet
