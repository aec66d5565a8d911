#include <fcntl.h>
#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/store/head_file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "file_errors.h"

namespace i2::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "i2-head1";
constexpr std::size_t kSlotSize = 512;
constexpr std::size_t kSlots = 2;
constexpr std::size_t kContentSize = kMagic.size() + 32 + 8 + 32;

using Slot = std::array<std::uint8_t, kSlotSize>;

Slot make_slot(const Hash256& owner, const Head& head) {
  Bytes content = to_bytes(as_bytes(kMagic));
  append(content, owner);
  for (int shift = 56; shift >= 0; shift -= 8) {
    content.push_back(static_cast<std::uint8_t>(head.sequence >> shift));
  }
  append(content, head.digest);
  append(content, crypto::sha256(content));
  Slot out{};
  std::memcpy(out.data(), content.data(), content.size());
  return out;
}

struct Found {
  Hash256 owner{};
  Head head;
};

std::optional<Found> read_slot(const Slot& slot) {
  const ByteView content = ByteView(slot).first(kContentSize);
  if (!equal(crypto::sha256(content), ByteView(slot).subspan(kContentSize, 32)) ||
      as_text(content.first(kMagic.size())) != kMagic) {
    return std::nullopt;
  }
  Found out;
  std::memcpy(out.owner.data(), content.data() + kMagic.size(), 32);
  for (const std::uint8_t byte : content.subspan(kMagic.size() + 32, 8)) {
    out.head.sequence = out.head.sequence << 8 | byte;
  }
  std::memcpy(out.head.digest.data(), content.data() + kMagic.size() + 40, 32);
  return out;
}

}  // namespace

HeadFile::~HeadFile() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

HeadFile::HeadFile(HeadFile&& other) noexcept
    : path_(std::move(other.path_)),
      owner_(other.owner_),
      fd_(std::exchange(other.fd_, -1)),
      head_(other.head_),
      slot_(other.slot_) {}

HeadFile& HeadFile::operator=(HeadFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(owner_, other.owner_);
  std::swap(fd_, other.fd_);
  std::swap(head_, other.head_);
  std::swap(slot_, other.slot_);
  return *this;
}

Result<HeadFile> HeadFile::create(const fs::path& path, const Hash256& owner, const Head& head) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail(file_error("create", path, errno));
  }
  HeadFile out(path, owner, fd);
  if (::ftruncate(fd, static_cast<off_t>(kSlotSize * kSlots)) != 0) {
    return fail(file_error("create", path, errno));
  }
  I2_TRY(out.write_slot(head));
  I2_TRY(sync_parent(path));
  return out;
}

Result<HeadFile> HeadFile::open(const fs::path& path, const Hash256& owner) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) {
      return fail("store.missing",
                  "'" + path.string() + "' is not there: restore the data directory from a backup");
    }
    return fail(file_error("read", path, errno));
  }
  HeadFile out(path, owner, fd);
  bool any = false;
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot slot{};
    if (::pread(fd, slot.data(), slot.size(), static_cast<off_t>(i * kSlotSize)) < 0) {
      return fail(file_error("read", path, errno));
    }
    const auto found = read_slot(slot);
    if (found && found->owner == owner && (!any || found->head.sequence > out.head_.sequence)) {
      out.head_ = found->head;
      out.slot_ = i;
      any = true;
    }
  }
  if (!any) {
    return fail("store.damaged", "'" + path.string() +
                                     "' does not say how far its database had come: restore the "
                                     "data directory from a backup");
  }
  return out;
}

Result<void> HeadFile::advance(const Head& head) {
  I2_ASSERT(head.sequence > head_.sequence);
  return write_slot(head);
}

Result<void> HeadFile::write_slot(const Head& head) {
  const Slot slot = make_slot(owner_, head);
  // Never over the slot that holds the present head.
  const std::size_t next = (slot_ + 1) % kSlots;
  const auto at = static_cast<off_t>(next * kSlotSize);
  const ssize_t written = ::pwrite(fd_, slot.data(), slot.size(), at);
  if (written != static_cast<ssize_t>(slot.size())) {
    return fail(file_error("write", path_, written < 0 ? errno : ENOSPC));
  }
  if (::fdatasync(fd_) != 0) {
    return fail(file_error("sync", path_, errno));
  }
  head_ = head;
  slot_ = next;
  return {};
}

}  // namespace i2::store
