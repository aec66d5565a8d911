// Files from one node to another (docs/wire/files.md): verified, resumable, never half-visible.
//
//   auto report = co_await send_file(connection, "a.iso", {}, runtime.pool());
//
//   FileReceiver receiver("var/inbox", runtime.pool(), {}, on_event);
//   receiver.attach(dispatcher);
//
// The receiver writes <inbox>/<sender name>/.<transfer id>.part and beside it a small journal. The
// journal names only bytes that are on the disk (fsync), so after a crash, a lost connection or
// kill -9 of either side the next send_file() of the same file goes on from there. When the last
// byte is in, the whole file's SHA-256 has to match; then the part is renamed to its final name,
// durable before the sender is told.
//
// A file of the same name and content that is already there is kept and reported as received; one
// with other content stays, and the new one becomes "name (2).ext".
//
// Reading, writing, hashing run on the pool in pieces of 1 MiB while the network goes on.
//
// Threads: send_file() runs on connection.executor(); callbacks are called there and must not
// block. FileReceiver may be attached to dispatchers of any worker.
//
// Errors of either side (the other learns the same code):
//   file.not_found, file.permission_denied, file.not_regular, file.read_failed   the source
//   file.source_changed    it changed or shrank while it was sent
//   file.name_invalid      not a plain file name (see is_file_name())
//   file.too_large         over ReceiveLimits::file_size_max
//   file.quota             over ReceiveLimits::inbox_size_max
//   file.no_space          the receiver's disk is full
//   file.busy              ReceiveLimits::transfers_max are under way
//   file.superseded        the same transfer was started again
//   file.inbox_denied      the receiver may not write its inbox
//   file.write_failed      any other error of the receiver's disk
//   file.hash_mismatch     what arrived is not what was sent; the part was deleted
//   file.malformed         the peer broke the protocol
// and those of the connection; then what is on the receiver's disk is kept for the next attempt.
#pragma once

#include <i2/stoq/services.h>

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace i2::stoq {

// 1 to 255 bytes of UTF-8 without control characters, '/' or '\', and not starting with a dot.
[[nodiscard]] bool is_file_name(std::string_view name);

struct FileProgress {
  std::uint64_t bytes =
      0;  // of the file that were handed to the network, what was skipped included
  std::uint64_t size = 0;
  std::uint64_t resumed_at = 0;
};

struct SendOptions {
  // The name at the receiver. Empty: that of the path, made fit for is_file_name().
  std::string name{};
  std::function<void(const FileProgress&)> on_progress{};  // after each MiB or so
  std::stop_token
      stop{};  // once requested, the transfer ends with stoq.cancelled after the next piece
};

struct SendReport {
  std::uint64_t bytes = 0;  // size of the file
  double seconds = 0;       // from the offer to the receiver's confirmation
  std::string sha256;       // of the whole file, hexadecimal
  std::uint64_t resumed_at =
      0;                  // bytes the receiver had already; `bytes` when it had the whole file
  std::string stored_as;  // the name the receiver gave it
};

// Sends the regular file at `path` to the peer. Completes when the receiver has verified it and has
// it on disk.
[[nodiscard]] Task<Result<SendReport>> send_file(Connection connection, std::filesystem::path path,
                                                 SendOptions options,
                                                 boost::asio::any_io_executor pool);

struct ReceiveLimits {
  std::uint64_t file_size_max = std::uint64_t{1} << 40;
  std::uint64_t inbox_size_max = UINT64_MAX;  // all files of all senders together, parts included
  std::size_t transfers_max = 8;              // at one time, all connections together
  std::uint64_t checkpoint_size = 64 * 1024 * 1024;  // received between two journal entries
  Duration part_age_max =
      7 * 24 * 3'600 * kSecond;  // older parts are deleted when a sender's next offer comes
};

struct FileEvent {
  enum class Kind : std::uint8_t { kStarted, kProgress, kCompleted, kFailed };
  Kind kind = Kind::kStarted;
  ports::PeerIdentity sender;
  std::string name;  // as offered
  std::uint64_t size = 0;
  std::uint64_t received = 0;  // what was there before included
  std::uint64_t resumed_at = 0;
  std::filesystem::path path;  // kCompleted: where it is
  std::string sha256;          // kCompleted: hexadecimal
  std::optional<Error> error;  // kFailed
};

struct FileInbox;

class FileReceiver {
 public:
  // `inbox` is created when the first file comes, with mode 0700. `on_event` may be empty; it is
  // called on the executors of the connections, possibly several at once.
  FileReceiver(std::filesystem::path inbox, boost::asio::any_io_executor pool, ReceiveLimits limits,
               std::function<void(const FileEvent&)> on_event);
  FileReceiver(const FileReceiver&) = delete;
  FileReceiver& operator=(const FileReceiver&) = delete;

  // Serves StreamType::kFile on every connection of `dispatcher`. The FileReceiver need not outlive
  // this call.
  void attach(StreamDispatcher& dispatcher);

 private:
  static Task<void> serve(std::shared_ptr<FileInbox> inbox, Connection connection, Stream stream);
  std::shared_ptr<FileInbox> inbox_;  // shared with the dispatcher's handler and the transfers
};

}  // namespace i2::stoq
