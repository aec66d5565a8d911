#include "admin_server.h"

#include <i2/node/suggest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <format>

#include "admin_session.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

// Far more than kClientsMax: who finds the daemon full is told so, instead of EAGAIN from
// connect().
constexpr int kBacklog = 128;

std::unexpected<Error> socket_error(std::string_view doing, const std::filesystem::path& path,
                                    int number) {
  return fail(errno_error("node.socket_failed",
                          std::format("{} the socket '{}'", doing, path.string()), number));
}

// Removes a socket file that nobody serves.
Result<void> remove_stale(const std::filesystem::path& path, const UnixAddress& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? Result<void>{} : socket_error("look at", path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail("node.socket_failed",
                "'" + path.string() + "' is in the way and is no socket: move it away");
  }
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (probe && ::connect(probe.get(), address.get(), address.size) == 0) {
    return fail("node.socket_in_use", "another daemon answers at '" + path.string() +
                                          "': give each its own data directory");
  }
  if (::unlink(path.c_str()) != 0) {
    return socket_error("remove", path, errno);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::listen(const std::filesystem::path& path,
                                                         rt::Runtime& runtime, TaskGroup& tasks,
                                                         const Logger& log, const Clock& clock,
                                                         AdminMetrics& metrics) {
  I2_TRY_VALUE(const UnixAddress address, unix_address(path));
  I2_TRY(remove_stale(path, address));
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener || ::bind(listener.get(), address.get(), address.size) != 0) {
    return socket_error("make", path, errno);
  }
  // Between bind() and listen(): nobody can connect before the mode is right.
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(listener.get(), kBacklog) != 0) {
    return socket_error("open", path, errno);
  }
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::move(listener), path, runtime, tasks, log, clock, metrics));
}

AdminServer::AdminServer(Descriptor listener, std::filesystem::path path, rt::Runtime& runtime,
                         TaskGroup& tasks, const Logger& log, const Clock& clock,
                         AdminMetrics& metrics)
    : path_(std::move(path)),
      runtime_(runtime),
      tasks_(tasks),
      log_(log),
      clock_(clock),
      metrics_(metrics),
      listener_(runtime.control(), listener.release()) {}

AdminServer::~AdminServer() {
  ::unlink(path_.c_str());
}

void AdminServer::add(std::string verb, std::vector<std::string_view> arguments,
                      AdminHandler handler) {
  verbs_[std::move(verb)] = {.arguments = std::move(arguments), .handler = std::move(handler)};
}

void AdminServer::start() {
  tasks_.spawn(runtime_.control(), accept_all());
}

void AdminServer::stop() {
  refusing_ = true;
  stopping_ = true;
  boost::system::error_code ignored;
  (void)listener_.close(ignored);
  for (const auto& session : std::vector(sessions_.begin(), sessions_.end())) {
    session->close();
  }
}

Task<> AdminServer::accept_all() {
  while (!stopping_) {
    const auto [error] = co_await listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                                                       asio::as_tuple(asio::use_awaitable));
    if (error || stopping_) {
      co_return;
    }
    Descriptor client(
        ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) {
      greet(std::move(client));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      log_.error("node", "accept_failed", "out of descriptors or memory: clients have to wait");
      co_await rt::sleep_for(std::chrono::seconds(1));
    }
  }
}

void AdminServer::greet(Descriptor client) {
  if (sessions_.size() >= kClientsMax || refusing_) {
    metrics_.get<"refused_clients">().add();
    const std::string line =
        refusing_ ? encode_error("node.stopping", "the daemon is stopping")
                  : encode_error("node.clients_full",
                                 "the daemon serves too many clients: try again later");
    (void)::send(client.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    // What stays unread at the close would reach the client as a reset, before the answer.
    std::array<char, 4096> unread{};
    while (::recv(client.get(), unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
    }
    return;
  }
  const auto session = std::make_shared<Session>(*this, std::move(client));
  sessions_.insert(session);
  metrics_.get<"clients">().set(static_cast<std::int64_t>(sessions_.size()));
  session->start();
}

Task<Result<std::string>> AdminServer::run(AdminCallPtr call) {
  if (refusing_) {
    co_return fail("node.stopping", "the daemon is stopping");
  }
  const auto found = verbs_.find(call->request.verb);
  if (found == verbs_.end()) {
    std::vector<std::string_view> known;
    for (const auto& [name, verb] : verbs_) {
      known.push_back(name);
    }
    co_return fail("admin.verb_unknown",
                   std::format("the daemon does not know '{}'{}", call->request.verb,
                               did_you_mean(call->request.verb, known)));
  }
  for (const auto& [name, value] : call->request.args) {
    if (std::ranges::find(found->second.arguments, name) == found->second.arguments.end()) {
      co_return fail("admin.argument",
                     std::format("'{}' takes no argument '{}'", call->request.verb, name));
    }
  }
  ++running_;
  const Timestamp began = clock_.now();
  auto result = co_await found->second.handler(call);
  --running_;
  metrics_.get<"requests">().add();
  metrics_.get<"failed_requests">().add(result ? 0 : 1);
  metrics_.get<"request_seconds">().record(clock_.now() - began);
  co_return result;
}

}  // namespace i2::node
