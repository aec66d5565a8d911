#include "udp_relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>

namespace i2::test {
namespace {

constexpr int kSocketBuffer = 4 << 20;
constexpr int kReceivesPerWake = 64;  // so that no socket keeps the others waiting

std::unexpected<Error> os_error(std::string_view what) {
  return fail(errno_error("test.system", what, errno));
}

Timestamp monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Timestamp>(now.tv_sec) * kSecond + static_cast<Timestamp>(now.tv_nsec);
}

const sockaddr* generic(const sockaddr_in6& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int open_socket() {
  const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    // Loss is ours to decide: the kernel should not add any.
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  }
  return fd;
}

}  // namespace

// Each fate takes the same number of draws, whatever happens: see the class comment.
Fate Impairer::next(std::size_t size) {
  Fate fate;
  const bool lost = uniform() < impairment_.loss;
  const bool doubled = uniform() < impairment_.duplicate;
  const bool corrupted = uniform() < impairment_.corrupt;
  const std::uint64_t place = random_();
  fate.delays = {draw_delay(), draw_delay()};
  fate.copies = lost ? 0 : doubled ? 2 : 1;
  if (corrupted && !lost && size > 0) {
    fate.flipped_bit = static_cast<std::size_t>(place % (size * 8));
  }
  return fate;
}

double Impairer::uniform() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

Duration Impairer::draw_delay() {
  return impairment_.delay +
         static_cast<Duration>(uniform() * static_cast<double>(impairment_.jitter));
}

Result<sockaddr_in6> parse_address(const std::string& text) {
  const std::size_t close = text.rfind("]:");
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  std::uint16_t port = 0;
  if (text.starts_with('[') && close != std::string::npos &&
      inet_pton(AF_INET6, text.substr(1, close - 1).c_str(), &out.sin6_addr) == 1) {
    const char* const end = text.data() + text.size();
    const auto [rest, problem] = std::from_chars(text.data() + close + 2, end, port);
    if (problem == std::errc() && rest == end) {
      out.sin6_port = htons(port);
      return out;
    }
  }
  return fail("test.address", "'" + text + "' is not [IPv6 address]:port");
}

std::string to_string(const sockaddr_in6& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(address.sin6_port));
}

UdpRelay::UdpRelay(const RelayOptions& options)
    : options_(options),
      to_target_(options.impairment, options.seed),
      to_client_(options.impairment, options.seed + 1),
      buffer_(65'536) {}

UdpRelay::~UdpRelay() {
  for (const Client& client : clients_) {
    close(client.fd);
  }
  for (const int fd : {listen_fd_, stop_fd_}) {
    if (fd >= 0) {
      close(fd);
    }
  }
}

Result<std::unique_ptr<UdpRelay>> UdpRelay::create(const RelayOptions& options) {
  std::unique_ptr<UdpRelay> relay(new UdpRelay(options));
  I2_TRY(relay->open());
  return relay;
}

Result<void> UdpRelay::open() {
  listen_fd_ = open_socket();
  stop_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (listen_fd_ < 0 || stop_fd_ < 0) {
    return os_error("cannot make a socket");
  }
  if (bind(listen_fd_, generic(options_.listen), sizeof options_.listen) != 0) {
    return os_error("cannot listen on " + to_string(options_.listen));
  }
  socklen_t size = sizeof address_;
  if (getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address_), &size) != 0) {
    return os_error("getsockname");
  }
  return {};
}

void UdpRelay::stop() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_fd_, &one, sizeof one));
}

void UdpRelay::toggle_blackhole() {
  toggles_.fetch_add(1);
}

Result<void> UdpRelay::run() {
  std::vector<pollfd> waiting;
  while (true) {
    waiting.assign({{stop_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}});
    for (const Client& client : clients_) {
      waiting.push_back({client.fd, POLLIN, 0});
    }
    timespec timeout{};
    if (!queue_.empty()) {
      const Timestamp now = monotonic_now();
      const Duration left = queue_.top().due > now ? queue_.top().due - now : 0;
      timeout.tv_sec = static_cast<time_t>(left / kSecond);
      timeout.tv_nsec = static_cast<long>(left % kSecond);
    }
    if (ppoll(waiting.data(), waiting.size(), queue_.empty() ? nullptr : &timeout, nullptr) < 0 &&
        errno != EINTR) {
      return os_error("poll");
    }
    const Timestamp now = monotonic_now();
    if (waiting[0].revents != 0) {
      return {};
    }
    if (waiting[1].revents != 0) {
      receive_from_clients(now);
    }
    for (std::size_t i = 2; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) {
        receive_from_target(i - 2, now);
      }
    }
    send_due(now);
  }
}

std::optional<std::size_t> UdpRelay::client_of(const sockaddr_in6& address) {
  const auto found = std::ranges::find_if(clients_, [&](const Client& client) {
    return client.address.sin6_port == address.sin6_port &&
           std::memcmp(&client.address.sin6_addr, &address.sin6_addr, sizeof(in6_addr)) == 0;
  });
  if (found != clients_.end()) {
    return static_cast<std::size_t>(found - clients_.begin());
  }
  if (clients_.size() == kClientsMax) {
    return std::nullopt;
  }
  const int fd = open_socket();
  if (fd < 0) {
    return std::nullopt;
  }
  if (connect(fd, generic(options_.target), sizeof options_.target) != 0) {
    close(fd);
    return std::nullopt;
  }
  clients_.push_back({address, fd});
  return clients_.size() - 1;
}

void UdpRelay::receive_from_clients(Timestamp now) {
  for (int i = 0; i < kReceivesPerWake; ++i) {
    sockaddr_in6 from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = recvfrom(listen_fd_, buffer_.data(), buffer_.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) {
      return;
    }
    metrics_.get<"received">().add();
    if (const auto client = client_of(from)) {
      take(*client, true, ByteView(buffer_).first(static_cast<std::size_t>(size)), now);
    } else {
      metrics_.get<"refused">().add();
    }
  }
}

void UdpRelay::receive_from_target(std::size_t client, Timestamp now) {
  for (int i = 0; i < kReceivesPerWake; ++i) {
    const ssize_t size = recv(clients_[client].fd, buffer_.data(), buffer_.size(), 0);
    if (size < 0) {
      return;  // nothing left, or "connection refused" for what was sent to a target that is gone
    }
    metrics_.get<"received">().add();
    take(client, false, ByteView(buffer_).first(static_cast<std::size_t>(size)), now);
  }
}

void UdpRelay::take(std::size_t client, bool to_target, ByteView data, Timestamp now) {
  if (blackhole_open()) {
    metrics_.get<"swallowed">().add();
    return;
  }
  const Fate fate = (to_target ? to_target_ : to_client_).next(data.size());
  if (fate.copies == 0) {
    metrics_.get<"lost">().add();
    return;
  }
  Bytes bytes = to_bytes(data);
  if (fate.flipped_bit) {
    metrics_.get<"corrupted">().add();
    bytes[*fate.flipped_bit / 8] ^= static_cast<std::uint8_t>(1U << *fate.flipped_bit % 8);
  }
  if (fate.copies == 2) {
    metrics_.get<"duplicated">().add();
  }
  for (std::size_t copy = 0; copy < fate.copies; ++copy) {
    if (queued_bytes_ + bytes.size() > kQueuedBytesMax) {
      metrics_.get<"refused">().add();
      continue;
    }
    queued_bytes_ += bytes.size();
    queue_.push({now + fate.delays[copy], order_++, client, to_target, bytes});
  }
}

void UdpRelay::send_due(Timestamp now) {
  for (; !queue_.empty() && queue_.top().due <= now; queue_.pop()) {
    const Datagram& datagram = queue_.top();
    const Client& client = clients_[datagram.client];
    queued_bytes_ -= datagram.data.size();
    if (blackhole_open()) {
      metrics_.get<"swallowed">().add();
      continue;
    }
    const ssize_t sent = datagram.to_target
                             ? send(client.fd, datagram.data.data(), datagram.data.size(), 0)
                             : sendto(listen_fd_, datagram.data.data(), datagram.data.size(), 0,
                                      generic(client.address), sizeof client.address);
    metrics_.get<"forwarded">().add(sent >= 0 ? 1 : 0);
    metrics_.get<"refused">().add(sent < 0 ? 1 : 0);
  }
}

}  // namespace i2::test
