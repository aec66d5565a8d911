// What travels on a file stream (docs/wire/files.md), as values and bytes.
//
//   sender -> receiver   kOffer                   kData..., kEnd, end of stream
//   receiver -> sender            kAnswer                                      kResult, end of
//   stream
//
// Values are varints and varint-length byte strings; a decoder refuses trailing bytes.
#pragma once

#include <i2/base/ids.h>
#include <i2/stoq/core/record.h>

#include <string>
#include <variant>

namespace i2::stoq::core {

enum class FileRecord : std::uint64_t {
  kOffer = 0x01,
  kAnswer = 0x02,
  kData = 0x03,  // the next bytes of the file
  kEnd = 0x04,
  kResult = 0x05,
};
inline constexpr std::uint64_t kFileRecordMax = 0x05;
inline constexpr std::size_t kFileHeaderMax = 4 * 1024;        // of every record but kData
inline constexpr std::size_t kFileDataMax = 16 * 1024 * 1024;  // of a kData record
inline constexpr std::size_t kFileNameMax = 255;

// 1 to 255 bytes of UTF-8 without control characters, '/' or '\', and not starting with a dot.
[[nodiscard]] bool is_file_name(std::string_view name);
// The nearest name that is_file_name() accepts.
[[nodiscard]] std::string make_file_name(std::string_view name);
// "name (2).ext" for number 2, at most 255 bytes; `name` itself for number 1.
[[nodiscard]] std::string numbered_file_name(std::string_view name, unsigned number);

using TransferId = Id256<struct TransferIdTag>;
// SHA-256("i2/transfer/v1" || node id || u32 length of the name || name || u64 size || u64
// mtime_ns): the same file of the same sender gets the same id as long as it is not touched.
[[nodiscard]] TransferId transfer_id(const NodeId& sender, std::string_view name,
                                     std::uint64_t size, std::uint64_t mtime_ns);

struct FileOffer {
  TransferId id{};
  std::uint64_t size = 0;
  bool existing_differs = false;  // the receiver's file of this name is another one: do not compare
  std::string name;
  friend bool operator==(const FileOffer&, const FileOffer&) = default;
};

// A failure as it travels; becomes an Error by remote_error() of rpc_codec.h.
struct FileFailure {
  std::string code;     // at most 64 bytes
  std::string message;  // at most 1 KiB
  friend bool operator==(const FileFailure&, const FileFailure&) = default;
};
[[nodiscard]] FileFailure failure_of(const Error& error);

struct FileAccepted {
  std::uint64_t offset =
      0;  // the sender goes on from here; bytes before it are on the receiver's disk
  friend bool operator==(const FileAccepted&, const FileAccepted&) = default;
};
using FileAnswer = std::variant<FileAccepted, FileFailure>;

struct FileComplete {
  Hash256 sha256{};  // of the whole file
  friend bool operator==(const FileComplete&, const FileComplete&) = default;
};
using FileEnd = std::variant<FileComplete, FileFailure>;  // a failure: the sender gave up

struct FileStored {
  Hash256 sha256{};
  std::string name;  // that it has now
  friend bool operator==(const FileStored&, const FileStored&) = default;
};
struct FileRestart {  // the receiver's file of this name is another one: offer again, saying so
  friend bool operator==(const FileRestart&, const FileRestart&) = default;
};
using FileResult = std::variant<FileStored, FileFailure, FileRestart>;

[[nodiscard]] Bytes encode(const FileOffer& offer);
[[nodiscard]] Bytes encode(const FileAnswer& answer);
[[nodiscard]] Bytes encode(const FileEnd& end);
[[nodiscard]] Bytes encode(const FileResult& result);
// Error, all: file.malformed. An offer's name is not checked here beyond its length.
[[nodiscard]] Result<FileOffer> decode_file_offer(ByteView body);
[[nodiscard]] Result<FileAnswer> decode_file_answer(ByteView body);
[[nodiscard]] Result<FileEnd> decode_file_end(ByteView body);
[[nodiscard]] Result<FileResult> decode_file_result(ByteView body);

// What the receiver keeps beside a part: the journal names only bytes that are on the disk.
struct FileJournal {
  TransferId id{};
  std::uint64_t size = 0;
  std::uint64_t durable = 0;  // bytes from the start of the part
  std::string name;
  friend bool operator==(const FileJournal&, const FileJournal&) = default;
};
// "i2fj", u16 version, fields, SHA-256 of all before it.
[[nodiscard]] Bytes encode(const FileJournal& journal);
// Error: file.journal_damaged, also for a version this program does not know.
[[nodiscard]] Result<FileJournal> decode_file_journal(ByteView file);

}  // namespace i2::stoq::core
