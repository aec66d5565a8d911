#include "admin_session.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

namespace i2::node {
namespace asio = boost::asio;

namespace {

// A client that does not read loses progress lines, never the outcome.
constexpr std::size_t kOutputForProgress = 256 * 1024;

// The last descriptor of the message; all others are closed.
Descriptor take_descriptor(msghdr& message) {
  Descriptor out;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int value = -1;
      std::memcpy(&value, CMSG_DATA(header) + i * sizeof value, sizeof value);
      out = Descriptor(value);
    }
  }
  return out;
}

}  // namespace

AdminServer::Session::Session(AdminServer& server, Descriptor client)
    : server_(server),
      socket_(server.runtime_.control(), client.release()),
      work_(server.runtime_.control()),
      unsent_(server.runtime_.control()) {}

void AdminServer::Session::start() {
  const auto control = server_.runtime_.control();
  server_.tasks_.spawn(control, read_all());
  server_.tasks_.spawn(control, serve_all());
  server_.tasks_.spawn(control, write_all());
}

void AdminServer::Session::close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  stop_.request_stop();
  boost::system::error_code ignored;
  (void)socket_.close(ignored);
  work_.wake();
  unsent_.wake();
  server_.sessions_.erase(shared_from_this());
  server_.metrics_.get<"clients">().set(static_cast<std::int64_t>(server_.sessions_.size()));
}

Task<> AdminServer::Session::read_all() {
  const auto self = shared_from_this();
  while (!closed_) {
    const auto [error] = co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                                                     asio::as_tuple(asio::use_awaitable));
    if (closed_) {
      break;
    }
    if (error || !read_some()) {
      close();
    }
  }
}

bool AdminServer::Session::read_some() {
  std::array<char, 16 * 1024> piece;
  iovec part{.iov_base = piece.data(), .iov_len = piece.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size =
      ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    return errno == EAGAIN || errno == EINTR;
  }
  if (Descriptor file = take_descriptor(message)) {
    file_ = std::move(file);
  }
  if (size == 0) {
    return false;
  }
  input_.append(piece.data(), static_cast<std::size_t>(size));
  return take_lines();
}

bool AdminServer::Session::take_lines() {
  std::size_t start = 0;
  for (std::size_t end = input_.find('\n'); end != input_.npos; end = input_.find('\n', start)) {
    if (pending_.size() >= kPendingMax) {
      return false;
    }
    pending_.push_back(
        {.line = input_.substr(start, end - start), .file = std::exchange(file_, Descriptor())});
    start = end + 1;
  }
  input_.erase(0, start);
  if (start > 0) {
    work_.wake();
  }
  if (input_.size() > kAdminLineMax) {
    send(encode_error("admin.malformed", "the line is too long"));
    input_.clear();
    last_ = true;
  }
  return true;
}

Task<> AdminServer::Session::serve_all() {
  const auto self = shared_from_this();
  while (!closed_) {
    if (pending_.empty()) {
      co_await work_.wait(kNever);
      continue;
    }
    Pending next = std::move(pending_.front());
    pending_.pop_front();
    co_await answer(std::move(next));
  }
}

Task<> AdminServer::Session::answer(Pending pending) {
  auto request = parse_request(pending.line);
  if (!request) {
    send(encode_error(request.error().code(), request.error().message()));
    co_return;
  }
  const auto call = std::make_shared<AdminCall>();
  call->request = std::move(*request);
  call->file = std::move(pending.file);
  call->stop = stop_.get_token();
  call->progress = [weak = weak_from_this()](const std::string& json) {
    const auto self = weak.lock();
    if (self && !self->closed_ && self->output_.size() < kOutputForProgress) {
      self->send(encode_progress(json));
    }
  };
  const auto result = co_await server_.run(call);
  send(result ? encode_result(*result)
              : encode_error(result.error().code(), result.error().message()));
}

void AdminServer::Session::send(std::string_view line) {
  if (!closed_) {
    output_ += line;
    unsent_.wake();
  }
}

Task<> AdminServer::Session::write_all() {
  const auto self = shared_from_this();
  while (!closed_) {
    if (output_.empty()) {
      if (last_) {
        close();
        break;
      }
      co_await unsent_.wait(kNever);
      continue;
    }
    const ssize_t sent = ::send(socket_.native_handle(), output_.data(), output_.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      output_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      (void)co_await socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                                        asio::as_tuple(asio::use_awaitable));
    } else if (errno != EINTR) {
      close();
    }
  }
}

}  // namespace i2::node
