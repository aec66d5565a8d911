// The daemon's end of the admin socket (admin.h).
//
// Bounded: kClientsMax clients, one request at a time of each and kPendingMax waiting behind it,
// lines of kAdminLineMax. Handlers run on the control executor. A client that leaves stops its
// request; its progress and result are then dropped.
#pragma once

#include <i2/node/admin.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <vector>

#include "metrics.h"
#include "tasks.h"
#include "unix_socket.h"

namespace i2::node {

// One request under way.
struct AdminCall {
  AdminRequest request;
  std::function<void(std::string json)> progress;  // on the control executor
  std::stop_token stop;                            // the client has left, or the daemon stops
  Descriptor file;                                 // what came with the request, if anything
};
// Shared: the session and the handler's coroutines.
using AdminCallPtr = std::shared_ptr<AdminCall>;
// Answers with the result as one JSON value.
using AdminHandler = std::function<Task<Result<std::string>>(AdminCallPtr)>;

class AdminServer {
 public:
  static constexpr std::size_t kClientsMax = 32;
  static constexpr std::size_t kPendingMax = 16;

  // Listens at `path`, mode 0600. A socket file that is there and that nobody serves is replaced.
  // Errors: node.socket_in_use, node.socket_failed.
  [[nodiscard]] static Result<std::unique_ptr<AdminServer>> listen(
      const std::filesystem::path& path, rt::Runtime& runtime, TaskGroup& tasks, const Logger& log,
      const Clock& clock, AdminMetrics& metrics);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // `arguments` are all that the verb takes; another one is refused. Before start().
  void add(std::string verb, std::vector<std::string_view> arguments, AdminHandler handler);

  // On the control executor from here on.
  void start();
  // Takes no further client and no further request.
  void refuse_new() { refusing_ = true; }
  // Asks the requests under way to stop and ends all sessions.
  void stop();
  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  class Session;
  struct Verb {
    std::vector<std::string_view> arguments;
    AdminHandler handler;
  };

  AdminServer(Descriptor listener, std::filesystem::path path, rt::Runtime& runtime,
              TaskGroup& tasks, const Logger& log, const Clock& clock, AdminMetrics& metrics);
  [[nodiscard]] Task<> accept_all();
  void greet(Descriptor client);
  [[nodiscard]] Task<Result<std::string>> run(AdminCallPtr call);

  const std::filesystem::path path_;
  rt::Runtime& runtime_;
  TaskGroup& tasks_;
  const Logger& log_;
  const Clock& clock_;
  AdminMetrics& metrics_;
  boost::asio::posix::stream_descriptor listener_;
  std::map<std::string, Verb, std::less<>> verbs_;
  std::set<std::shared_ptr<Session>> sessions_;  // shared with their coroutines
  std::size_t running_ = 0;
  bool refusing_ = false;
  bool stopping_ = false;
};

}  // namespace i2::node
