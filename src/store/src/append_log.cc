#include <fcntl.h>
#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/store/append_log.h>
#include <i2/wire/reader.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "file_errors.h"

namespace i2::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLogMagic = "i2-log01";
constexpr std::size_t kBlockSize = 4096;
constexpr std::size_t kHeaderSize = kLogMagic.size() + 32 + 8 + 8 + 4;
constexpr std::size_t kDigestSize = 32;

std::size_t blocks(std::size_t size) {
  return (size + kBlockSize - 1) / kBlockSize * kBlockSize;
}

std::size_t body_size(std::span<const Bytes> records) {
  std::size_t out = 0;
  for (const Bytes& record : records) {
    out += sizeof(std::uint32_t) + record.size();
  }
  return out;
}

std::size_t frame_size(std::span<const Bytes> records) {
  return blocks(kHeaderSize + body_size(records) + kDigestSize);
}

struct Frame {
  std::uint64_t generation = 0;
  std::uint64_t sequence = 0;
  std::size_t size = 0;  // in the file
  std::vector<Bytes> records;
};

// The frame that begins `half` is at the beginning of `bytes`. None when it cannot be read.
std::optional<Frame> read_frame(ByteView bytes, const Hash256& owner) {
  wire::Reader r(bytes);
  Frame out;
  const bool ours =
      as_text(r.bytes(kLogMagic.size())) == kLogMagic && equal(r.bytes(owner.size()), owner);
  out.generation = r.u64();
  out.sequence = r.u64();
  const std::size_t size = r.u32();
  if (!r.ok() || !ours || size > r.rest().size() || r.rest().size() - size < kDigestSize) {
    return std::nullopt;
  }
  const ByteView covered = bytes.first(kHeaderSize + size);
  if (!equal(crypto::sha256(covered), bytes.subspan(covered.size(), kDigestSize))) {
    return std::nullopt;
  }
  wire::Reader body(covered.subspan(kHeaderSize));
  while (body.ok() && !body.rest().empty()) {
    out.records.push_back(to_bytes(body.bytes(body.u32())));
  }
  out.size = blocks(covered.size() + kDigestSize);
  return body.ok() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

AppendLog::~AppendLog() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

AppendLog::AppendLog(AppendLog&& other) noexcept
    : path_(std::move(other.path_)),
      owner_(other.owner_),
      fd_(std::exchange(other.fd_, -1)),
      half_size_(other.half_size_),
      half_(other.half_),
      generation_(other.generation_),
      sequence_(other.sequence_),
      used_(other.used_),
      failed_(other.failed_),
      records_(std::move(other.records_)) {}

AppendLog& AppendLog::operator=(AppendLog&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(owner_, other.owner_);
  std::swap(fd_, other.fd_);
  std::swap(half_size_, other.half_size_);
  std::swap(half_, other.half_);
  std::swap(generation_, other.generation_);
  std::swap(sequence_, other.sequence_);
  std::swap(used_, other.used_);
  std::swap(failed_, other.failed_);
  std::swap(records_, other.records_);
  return *this;
}

namespace {

// Written, not only sized: later writes change no metadata then.
Result<void> write_zeros(const fs::path& path, std::size_t size) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail(file_error("create", path, errno));
  }
  const Bytes zeros(1024 * 1024, 0);
  int error = 0;
  while (size > 0 && error == 0) {
    const ssize_t written = ::write(fd, zeros.data(), std::min(zeros.size(), size));
    error = written > 0 ? 0 : written < 0 ? errno : ENOSPC;
    size -= written > 0 ? static_cast<std::size_t>(written) : 0;
  }
  if (error == 0 && ::fsync(fd) != 0) {
    error = errno;
  }
  ::close(fd);
  return error == 0 ? Result<void>{} : fail(file_error("write", path, error));
}

}  // namespace

Result<AppendLog> AppendLog::create(const fs::path& path, const Hash256& owner,
                                    std::size_t half_size) {
  I2_ASSERT(half_size >= kBlockSize && half_size % kBlockSize == 0);
  I2_TRY(write_zeros(path, 2 * half_size));
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_DSYNC);
  if (fd < 0) {
    return fail(file_error("open", path, errno));
  }
  AppendLog out(path, owner, fd, half_size);
  out.half_ = 1;
  I2_TRY(out.start_over({}));
  I2_TRY(sync_parent(path));
  return out;
}

Result<AppendLog> AppendLog::open(const fs::path& path, const Hash256& owner) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_DSYNC);
  if (fd < 0) {
    if (errno == ENOENT) {
      return fail("store.missing", "'" + path.string() + "' is not there");
    }
    return fail(file_error("read", path, errno));
  }
  AppendLog out(path, owner, fd, 0);
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return fail(file_error("read", path, errno));
  }
  out.half_size_ = static_cast<std::size_t>(status.st_size) / 2 / kBlockSize * kBlockSize;
  Half best;
  for (std::size_t i = 0; i < 2; ++i) {
    I2_TRY_VALUE(Half half, out.read_half(i));
    if (half.generation > best.generation) {
      best = std::move(half);
      out.half_ = i;
    }
  }
  if (best.generation == 0) {
    return fail("store.damaged", "'" + path.string() + "' holds no log of this owner");
  }
  out.generation_ = best.generation;
  out.sequence_ = best.sequence;
  out.used_ = best.used;
  out.records_ = std::move(best.records);
  return out;
}

Result<AppendLog::Half> AppendLog::read_half(std::size_t which) const {
  Bytes bytes(half_size_);
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t got = ::pread(fd_, bytes.data() + at, bytes.size() - at,
                                static_cast<off_t>(which * half_size_ + at));
    if (got <= 0) {
      return fail(file_error("read", path_, got < 0 ? errno : EIO));
    }
    at += static_cast<std::size_t>(got);
  }
  Half out;
  while (out.used < bytes.size()) {
    auto frame = read_frame(ByteView(bytes).subspan(out.used), owner_);
    const bool next = frame && (out.generation == 0 || (frame->generation == out.generation &&
                                                        frame->sequence == out.sequence + 1));
    if (!next) {
      break;
    }
    out.generation = frame->generation;
    out.sequence = frame->sequence;
    out.used += frame->size;
    std::ranges::move(frame->records, std::back_inserter(out.records));
  }
  // What comes after a torn frame was never written in this generation.
  for (std::size_t at = out.used; at < bytes.size() && out.generation != 0; at += kBlockSize) {
    const auto frame = read_frame(ByteView(bytes).subspan(at), owner_);
    if (frame && frame->generation == out.generation && frame->sequence > out.sequence) {
      return fail("store.damaged", "'" + path_.string() +
                                       "' cannot be read in the middle, before frame " +
                                       std::to_string(frame->sequence));
    }
  }
  return out;
}

bool AppendLog::fits(std::span<const Bytes> records) const {
  return frame_size(records) <= half_size_ - used_;
}

Result<void> AppendLog::append(std::span<const Bytes> records) {
  I2_ASSERT(fits(records));
  return write_frame(records);
}

Result<void> AppendLog::start_over(std::span<const Bytes> records) {
  I2_ASSERT(frame_size(records) <= half_size_);
  half_ = 1 - half_;
  ++generation_;
  used_ = 0;
  return write_frame(records);
}

Result<void> AppendLog::write_frame(std::span<const Bytes> records) {
  if (failed_) {
    return fail("store.failed", "'" + path_.string() + "' takes nothing after a failed write");
  }
  Bytes frame;
  frame.reserve(frame_size(records));
  wire::Writer w(frame);
  w.bytes(as_bytes(kLogMagic));
  w.bytes(owner_);
  w.u64(generation_);
  w.u64(sequence_ + 1);
  w.u32(static_cast<std::uint32_t>(body_size(records)));
  for (const Bytes& record : records) {
    w.u32(static_cast<std::uint32_t>(record.size()));
    w.bytes(record);
  }
  w.bytes(crypto::sha256(frame));
  frame.resize(frame_size(records), 0);
  const auto at = static_cast<off_t>(half_ * half_size_ + used_);
  const ssize_t written = ::pwrite(fd_, frame.data(), frame.size(), at);  // O_DSYNC
  if (written != static_cast<ssize_t>(frame.size())) {
    failed_ = true;
    return fail(file_error("write", path_, written < 0 ? errno : ENOSPC));
  }
  ++sequence_;
  used_ += frame.size();
  return {};
}

}  // namespace i2::store
