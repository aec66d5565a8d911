// The client's end of the admin socket. Blocking; for one thread.
#pragma once

#include <i2/base/clock.h>
#include <i2/node/admin.h>

#include <filesystem>
#include <optional>

namespace i2::node {

// Opens the socket at `path`, also where the path is longer than sun_path (108 bytes, unix(7))
// allows. Errors: node.no_daemon (nobody listens there), node.socket_denied, node.socket_failed.
class AdminClient {
 public:
  [[nodiscard]] static Result<AdminClient> connect(const std::filesystem::path& path);
  ~AdminClient();
  AdminClient(AdminClient&& other) noexcept;
  AdminClient& operator=(AdminClient&& other) noexcept;

  // `descriptor` goes with the request; it stays the caller's. Error: node.daemon_lost.
  [[nodiscard]] Result<void> send(const AdminRequest& request,
                                  std::optional<int> descriptor = std::nullopt);
  // The next line of the answer. `deadline` is on CLOCK_MONOTONIC; kNever: none.
  // Errors: node.timeout, node.interrupted (a signal arrived), node.daemon_lost (it ended or was
  // stopped), admin.malformed.
  [[nodiscard]] Result<AdminReply> receive(Timestamp deadline = kNever);

 private:
  explicit AdminClient(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  std::string buffer_;
};

}  // namespace i2::node
