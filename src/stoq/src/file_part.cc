#include "file_part.h"

#include <fcntl.h>
#include <i2/base/assert.h>
#include <i2/wire/text.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <system_error>

namespace i2::stoq {
namespace {

constexpr std::size_t kReadBlock = 1024 * 1024;
constexpr std::size_t kJournalMax = 4 * 1024;
constexpr unsigned kNumbersMax = 10'000;  // "name (10000).ext"
constexpr std::string_view kPartEnding = ".part";
constexpr std::string_view kJournalEnding = ".journal";

// What the sender learns: which kind of failure, not where this node keeps its files.
std::unexpected<Error> disk_error(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return fail(errno_error("file.no_space", "the receiver's disk", number));
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
      return fail(errno_error("file.inbox_denied", "the receiver's inbox", number));
    default:
      return fail(errno_error("file.write_failed", "the receiver's disk", number));
  }
}

Result<void> make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) {
    return {};
  }
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path) {
    return disk_error(errno);
  }
  I2_TRY(make_directory(path.parent_path()));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return disk_error(errno);
  }
  return {};
}

// A rename is durable when its directory is (fsync(2)).
Result<void> sync_directory(const std::filesystem::path& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || fsync(directory.number()) != 0) {
    return disk_error(errno);
  }
  return {};
}

Result<void> write_all(int file, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) {
      return disk_error(errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
  }
  return {};
}

// Feeds the next `size` bytes of `file` into `hash`; false when there are fewer.
bool hash_bytes(int file, std::uint64_t size, crypto::Sha256& hash) {
  Bytes block(static_cast<std::size_t>(std::min<std::uint64_t>(size, kReadBlock)));
  while (size > 0) {
    const ssize_t got = ::read(file, block.data(), std::min<std::uint64_t>(size, block.size()));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    hash.update(ByteView(block).first(static_cast<std::size_t>(got)));
    size -= static_cast<std::uint64_t>(got);
  }
  return true;
}

std::optional<core::FileJournal> read_journal(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Bytes content(kJournalMax);
  const ssize_t size = file ? ::read(file.number(), content.data(), content.size()) : -1;
  if (size < 0) {
    return std::nullopt;
  }
  auto journal = core::decode_file_journal(ByteView(content).first(static_cast<std::size_t>(size)));
  return journal ? std::optional(std::move(*journal)) : std::nullopt;
}

// The id in ".<id>.part" or ".<id>.journal".
std::optional<core::TransferId> part_id(std::string_view name) {
  for (const std::string_view ending : {kPartEnding, kJournalEnding}) {
    if (name.starts_with('.') && name.ends_with(ending)) {
      const auto id = wire::from_hex(name.substr(1, name.size() - 1 - ending.size()));
      core::TransferId out;
      if (id && id->size() == out.bytes.size()) {
        std::ranges::copy(*id, out.bytes.begin());
        return out;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Result<void> FilePart::Checkpoint::run() const {
  if (fdatasync(file_) != 0) {
    return disk_error(errno);
  }
  const std::filesystem::path fresh = journal_.string() + ".new";
  const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) {
    return disk_error(errno);
  }
  I2_TRY(write_all(file.number(), core::encode(content_)));
  if (fdatasync(file.number()) != 0 || ::rename(fresh.c_str(), journal_.c_str()) != 0) {
    return disk_error(errno);
  }
  return sync_directory(journal_.parent_path());
}

FilePart::FilePart(Place place)
    : place_(std::move(place)), directory_(place_.inbox / place_.sender) {
  const std::string stem = "." + place_.id.hex();
  part_ = directory_ / (stem + std::string(kPartEnding));
  journal_ = directory_ / (stem + std::string(kJournalEnding));
}

Result<std::unique_ptr<FilePart>> FilePart::open(Place place) {
  I2_ASSERT(core::is_file_name(place.sender) && core::is_file_name(place.name));
  std::unique_ptr<FilePart> out(new FilePart(std::move(place)));
  I2_TRY(make_directory(out->directory_));
  if (!out->stands_for_existing()) {
    I2_TRY(out->open_part());
  }
  return out;
}

// A part that was begun comes first: it was begun because a finished file was not the same.
bool FilePart::stands_for_existing() {
  std::error_code ignored;
  if (place_.existing_differs || std::filesystem::exists(journal_, ignored)) {
    return false;
  }
  const Descriptor file(
      ::open((directory_ / place_.name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (!file || fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) != place_.size) {
    return false;
  }
  if (!hash_bytes(file.number(), place_.size, hash_)) {
    hash_ = crypto::Sha256();
    return false;
  }
  offset_ = written_ = place_.size;
  return true;
}

Result<void> FilePart::open_part() {
  file_ = Descriptor(::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status{};
  if (!file_ || fstat(file_.number(), &status) != 0) {
    return disk_error(errno);
  }
  const auto journal = read_journal(journal_);
  if (journal && journal->id == place_.id && journal->size == place_.size &&
      journal->name == place_.name &&
      journal->durable <= static_cast<std::uint64_t>(status.st_size)) {
    offset_ = journal->durable;
  }
  if (offset_ > 0 && !hash_bytes(file_.number(), offset_, hash_)) {
    hash_ = crypto::Sha256();
    offset_ = 0;
  }
  if (ftruncate(file_.number(), static_cast<off_t>(offset_)) != 0 ||
      lseek(file_.number(), static_cast<off_t>(offset_), SEEK_SET) < 0) {
    return disk_error(errno);
  }
  written_ = offset_;
  const Result<void> space = check_space();
  if (!space && offset_ == 0) {
    discard();
  }
  return space;
}

// Refusing at once what cannot fit is kinder than failing after hours.
Result<void> FilePart::check_space() const {
  struct statvfs volume{};
  if (fstatvfs(file_.number(), &volume) != 0) {
    return {};
  }
  const std::uint64_t free = static_cast<std::uint64_t>(volume.f_bavail) * volume.f_frsize;
  if (place_.size - offset_ > free) {
    return fail("file.no_space", "the receiver's disk has " + std::to_string(free) +
                                     " bytes free, " + std::to_string(place_.size - offset_) +
                                     " are needed");
  }
  return {};
}

Result<void> FilePart::write(const std::vector<core::Chunk>& chunks) {
  I2_ASSERT(file_);
  std::vector<iovec> vectors;
  vectors.reserve(chunks.size());
  std::uint64_t size = 0;
  for (const core::Chunk& chunk : chunks) {
    vectors.push_back({const_cast<std::uint8_t*>(chunk.view().data()), chunk.size()});
    size += chunk.size();
  }
  for (std::size_t first = 0; first < vectors.size();) {
    const std::size_t count = std::min<std::size_t>(vectors.size() - first, IOV_MAX);
    const ssize_t put = ::writev(file_.number(), &vectors[first], static_cast<int>(count));
    if (put < 0 && errno != EINTR) {
      return disk_error(errno);
    }
    for (auto left = static_cast<std::size_t>(std::max<ssize_t>(put, 0)); left > 0;) {
      iovec& vector = vectors[first];
      const std::size_t part = std::min(left, vector.iov_len);
      vector = {static_cast<std::uint8_t*>(vector.iov_base) + part, vector.iov_len - part};
      left -= part;
      first += vector.iov_len == 0 ? 1 : 0;
    }
    while (first < vectors.size() && vectors[first].iov_len == 0) {
      ++first;
    }
  }
  // Writing back starts now, so that the next fsync has little left to wait for.
  (void)sync_file_range(file_.number(), static_cast<off64_t>(written_), static_cast<off64_t>(size),
                        SYNC_FILE_RANGE_WRITE);
  for (const core::Chunk& chunk : chunks) {
    hash_.update(chunk.view());
  }
  written_ += size;
  return {};
}

FilePart::Checkpoint FilePart::checkpoint() const {
  Checkpoint out;
  out.file_ = file_.number();
  out.journal_ = journal_;
  out.content_ = {.id = place_.id, .size = place_.size, .durable = written_, .name = place_.name};
  return out;
}

Result<std::optional<FilePart::Stored>> FilePart::finish(const Hash256& expected) {
  I2_ASSERT(written_ == place_.size);
  const Hash256 actual = hash_.finish();
  if (!file_) {
    if (actual != expected) {
      return std::nullopt;
    }
    return Stored{directory_ / place_.name, actual};
  }
  if (actual != expected) {
    discard();
    return fail("file.hash_mismatch",
                "what arrived is not what was sent; it was deleted: send the file again");
  }
  if (fsync(file_.number()) != 0) {
    return disk_error(errno);
  }
  I2_TRY_VALUE(std::filesystem::path path, rename_to_free_name(actual));
  ::unlink(journal_.c_str());
  I2_TRY(sync_directory(directory_));
  file_.close();
  return Stored{std::move(path), actual};
}

Result<std::filesystem::path> FilePart::rename_to_free_name(const Hash256& content) const {
  for (unsigned number = 1; number <= kNumbersMax; ++number) {
    std::filesystem::path path = directory_ / core::numbered_file_name(place_.name, number);
    // Atomic, and never over something that is there.
    if (::renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
      return path;
    }
    if (errno != EEXIST) {
      return disk_error(errno);
    }
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored) &&
        std::filesystem::file_size(path, ignored) == place_.size && hash_file(path) == content) {
      ::unlink(part_.c_str());
      return path;
    }
  }
  return fail("file.write_failed", "the receiver has too many files of this name");
}

void FilePart::discard() {
  if (file_) {
    ::unlink(part_.c_str());
    ::unlink(journal_.c_str());
    file_.close();
  }
}

std::optional<Hash256> hash_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  crypto::Sha256 hash;
  if (!file || fstat(file.number(), &status) != 0 ||
      !hash_bytes(file.number(), static_cast<std::uint64_t>(status.st_size), hash)) {
    return std::nullopt;
  }
  return hash.finish();
}

std::uint64_t inbox_size(const std::filesystem::path& inbox,
                         const std::function<bool(const core::TransferId&)>& in_use) {
  std::uint64_t sum = 0;
  std::error_code error;
  std::filesystem::recursive_directory_iterator it(inbox, error);
  for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    std::error_code gone;
    const auto id = part_id(it->path().filename().native());
    if (it->is_regular_file(gone) && !it->is_symlink(gone) && !(id && in_use(*id))) {
      const std::uint64_t size = it->file_size(gone);
      sum += gone ? 0 : size;
    }
  }
  return sum;
}

void delete_old_parts(const std::filesystem::path& directory, Duration age_max,
                      const std::function<bool(const core::TransferId&)>& in_use) {
  const auto oldest = std::filesystem::file_time_type::clock::now() -
                      std::chrono::duration_cast<std::filesystem::file_time_type::duration>(
                          std::chrono::nanoseconds(age_max));
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const auto id = part_id(it->path().filename().native());
    std::error_code gone;
    const auto touched = it->last_write_time(gone);
    if (id && !gone && touched < oldest && !in_use(*id)) {
      ::unlink(it->path().c_str());
    }
  }
}

}  // namespace i2::stoq
