// What this machine can move at most: IPv6 UDP super-buffers (UDP_SEGMENT) into recvmmsg with
// UDP_GRO, optionally with AES-128-GCM and header protection for every packet on both sides. No
// congestion control, no acknowledgements: the ceiling that a transport is measured against.
//
//   bench_raw_udp rx --bind [ADDR]:PORT --rx-cpu N
//   bench_raw_udp tx --peer [ADDR]:PORT --tx-cpu N --payload BYTES --duration SECONDS [--aes]
//   bench_raw_udp --bind [ADDR]:PORT --peer [ADDR]:PORT ...        both, each in its network
//   namespace
//
// The sender opens a TCP connection to the same address and port, says what it is going to do, and
// at the end what it did. The receiver prints one line of JSON; its rate counts UDP payload that
// arrived.
#include <arpa/inet.h>
#include <fcntl.h>
#include <i2/base/error.h>
#include <i2/wire/text.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

#include "packet_protection.h"
#include "run_main.h"

namespace i2::bench {
namespace {

using nlohmann::json;

constexpr std::size_t kSuperBufferMax = 65'000;  // one UDP_SEGMENT send, all headers excluded
constexpr std::size_t kDatagramMax =
    65'487;                               // largest payload that loopback's MTU holds unfragmented
constexpr std::size_t kSegmentsMax = 64;  // of one send; the limit of older kernels
constexpr std::size_t kBatch = 8;         // super-buffers per recvmmsg
constexpr int kSocketBuffer = 8 << 20;

struct Options {
  std::string bind;
  std::string peer;
  int rx_cpu = -1;
  int tx_cpu = -1;
  std::string rx_netns;
  std::string tx_netns;
  std::size_t payload = 1452;
  std::size_t segments = 0;  // 0: as many as fit
  double duration = 3;
  bool aes = false;
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

std::unexpected<Error> os_error(std::string_view what) {
  return fail(errno_error("bench.system", what, errno));
}

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
double wall_seconds() {
  return seconds_of(CLOCK_MONOTONIC);
}
double cpu_seconds() {
  return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

Result<sockaddr_in6> parse_address(const std::string& text) {
  const std::size_t close = text.rfind("]:");
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  std::uint16_t port = 0;
  if (!text.starts_with('[') || close == std::string::npos ||
      inet_pton(AF_INET6, text.substr(1, close - 1).c_str(), &out.sin6_addr) != 1 ||
      std::from_chars(text.data() + close + 2, text.data() + text.size(), port).ec != std::errc()) {
    return fail("bench.address", "'" + text + "' is not [IPv6 address]:port");
  }
  out.sin6_port = htons(port);
  return out;
}

Result<void> pin(int cpu) {
  if (cpu < 0) {
    return {};
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    return os_error("cannot run on CPU " + std::to_string(cpu));
  }
  return {};
}

// `name` as in `ip netns`; every socket made afterwards belongs to it.
Result<void> enter_netns(const std::string& name) {
  if (name.empty()) {
    return {};
  }
  const Socket file(open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0 || setns(file.fd(), CLONE_NEWNET) != 0) {
    return os_error("cannot enter the network namespace " + name);
  }
  return {};
}

Result<Socket> make_socket(int type) {
  Socket out(socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  if (out.fd() < 0) {
    return os_error("socket");
  }
  return out;
}

const sockaddr* generic(const sockaddr_in6& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

template <class T>
Result<void> set_option(const Socket& socket, int level, int name, const T& value,
                        std::string_view what) {
  if (setsockopt(socket.fd(), level, name, &value, sizeof value) != 0) {
    return os_error(what);
  }
  return {};
}

void grow_buffer(const Socket& socket, int forced, int ordinary) {
  if (!set_option(socket, SOL_SOCKET, forced, kSocketBuffer, "buffer")) {
    static_cast<void>(set_option(socket, SOL_SOCKET, ordinary, kSocketBuffer, "buffer"));
  }
}

// One line of JSON over the control connection.
Result<void> send_line(const Socket& control, const json& value) {
  const std::string line = value.dump() + "\n";
  if (send(control.fd(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    return os_error("the control connection broke");
  }
  return {};
}

Result<json> receive_line(const Socket& control) {
  std::string line;
  for (char c = 0; c != '\n'; line.push_back(c)) {
    if (const ssize_t n = recv(control.fd(), &c, 1, 0); n != 1) {
      return n == 0 ? fail("bench.control", "the other side ended early")
                    : os_error("the control connection broke");
    }
  }
  json value = json::parse(line, nullptr, false);
  if (value.is_discarded()) {
    return fail("bench.control", "the other side does not speak our protocol");
  }
  return value;
}

json to_json(const PacketKeys& keys) {
  return {
      {"key", to_hex(keys.key)}, {"header_key", to_hex(keys.header_key)}, {"iv", to_hex(keys.iv)}};
}

Result<PacketKeys> keys_from(const json& value) {
  PacketKeys keys;
  const auto read = [&](const char* name, MutableByteView out) {
    const auto bytes = wire::from_hex(value.value(name, ""));
    if (!bytes || bytes->size() != out.size()) {
      return false;
    }
    std::ranges::copy(*bytes, out.begin());
    return true;
  };
  if (!read("key", keys.key) || !read("header_key", keys.header_key) || !read("iv", keys.iv)) {
    return fail("bench.control", "the sender's keys are incomplete");
  }
  return keys;
}

// --- sender -------------------------------------------------------------------------------------

struct Sent {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
  double cpu = 0;
};

class Sender {
 public:
  Sender(const Options& options, std::size_t segments, const PacketKeys& keys)
      : options_(options),
        segments_(segments),
        protection_(keys),
        buffer_(options.payload * segments, 0xa5),
        plain_(buffer_.size(), 0x5a) {}

  Result<Sent> run(const Socket& socket) {
    Sent sent;
    const double start = wall_seconds();
    const double cpu_start = cpu_seconds();
    const double end = start + options_.duration;
    double now = start;
    for (; now < end; now = wall_seconds()) {
      if (options_.aes) {
        seal_all();
      }
      if (send(socket.fd(), buffer_.data(), buffer_.size(), 0) < 0) {
        if (errno == ENOBUFS || errno == EAGAIN) {
          continue;
        }
        return os_error("cannot send " + std::to_string(segments_) + " datagrams of " +
                        std::to_string(options_.payload) + " bytes");
      }
      sent.packets += segments_;
      sent.bytes += buffer_.size();
    }
    sent.seconds = now - start;
    sent.cpu = cpu_seconds() - cpu_start;
    return sent;
  }

 private:
  void seal_all() {
    const std::size_t plain_size = options_.payload - PacketProtection::kOverhead;
    for (std::size_t i = 0; i < segments_; ++i) {
      protection_.seal(MutableByteView(buffer_).subspan(i * options_.payload, options_.payload),
                       number_++, ByteView(plain_).subspan(i * plain_size, plain_size));
    }
  }

  const Options& options_;
  std::size_t segments_;
  PacketProtection protection_;
  Bytes buffer_;
  Bytes plain_;
  std::uint32_t number_ = 0;
};

Result<Socket> connect_control(const sockaddr_in6& peer) {
  // The receiver may be starting in another process.
  for (const double deadline = wall_seconds() + 5;;) {
    I2_TRY_VALUE(Socket control, make_socket(SOCK_STREAM));
    if (connect(control.fd(), generic(peer), sizeof peer) == 0) {
      return control;
    }
    if (wall_seconds() > deadline) {
      return os_error("no receiver answers");
    }
    poll(nullptr, 0, 20);
  }
}

Result<Socket> sending_socket(const sockaddr_in6& peer, std::size_t payload, std::size_t segments) {
  I2_TRY_VALUE(Socket out, make_socket(SOCK_DGRAM));
  grow_buffer(out, SO_SNDBUFFORCE, SO_SNDBUF);
  I2_TRY(
      set_option(out, IPPROTO_IPV6, IPV6_MTU_DISCOVER, int{IPV6_PMTUDISC_PROBE}, "no fragments"));
  if (segments > 1) {
    I2_TRY(set_option(out, SOL_UDP, UDP_SEGMENT, static_cast<int>(payload), "UDP_SEGMENT"));
  }
  if (connect(out.fd(), generic(peer), sizeof peer) != 0) {
    return os_error("connect");
  }
  return out;
}

Result<void> run_tx(const Options& options) {
  if (options.payload < PacketProtection::kPacketSizeMin || options.payload > kDatagramMax) {
    return fail("bench.payload", "the payload is not between 45 and 65487 bytes");
  }
  // A 32-bit packet number must not wrap: a nonce is used once.
  if (!(options.duration > 0 && options.duration <= 600)) {
    return fail("bench.duration", "the duration is not between 0 and 600 seconds");
  }
  const std::size_t fitting =
      std::clamp<std::size_t>(kSuperBufferMax / options.payload, 1, kSegmentsMax);
  const std::size_t segments =
      options.segments == 0 ? fitting : std::min(options.segments, fitting);
  I2_TRY(enter_netns(options.tx_netns));
  I2_TRY(pin(options.tx_cpu));
  I2_TRY_VALUE(const sockaddr_in6 peer, parse_address(options.peer));
  I2_TRY_VALUE(const Socket control, connect_control(peer));
  I2_TRY_VALUE(const Socket socket, sending_socket(peer, options.payload, segments));

  PacketKeys keys;
  RAND_bytes(keys.key.data(), static_cast<int>(keys.key.size()));
  RAND_bytes(keys.header_key.data(), static_cast<int>(keys.header_key.size()));
  RAND_bytes(keys.iv.data(), static_cast<int>(keys.iv.size()));
  I2_TRY(send_line(control, {{"payload", options.payload},
                             {"segments", segments},
                             {"aes", options.aes},
                             {"keys", to_json(keys)}}));
  I2_TRY(receive_line(control));
  I2_TRY_VALUE(const Sent sent, Sender(options, segments, keys).run(socket));
  I2_TRY(send_line(control, {{"packets", sent.packets},
                             {"bytes", sent.bytes},
                             {"seconds", sent.seconds},
                             {"cpu_seconds", sent.cpu}}));
  I2_TRY(receive_line(control));
  return {};
}

// --- receiver -----------------------------------------------------------------------------------

class Receiver {
 public:
  Receiver(bool aes, const PacketKeys& keys) : aes_(aes), protection_(keys) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      buffers_[i].resize(65'536);
      vectors_[i] = {buffers_[i].data(), buffers_[i].size()};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // Receives until the sender has said that it is done and nothing is queued any more. Returns what
  // the sender said.
  Result<json> run(const Socket& socket, const Socket& control) {
    while (true) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        msghdr& header = messages_[i].msg_hdr;
        header.msg_control = controls_[i].data();
        header.msg_controllen = controls_[i].size();
      }
      const int count = recvmmsg(socket.fd(), messages_.data(), kBatch, MSG_WAITFORONE, nullptr);
      if (count > 0) {
        take(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        pollfd ready{.fd = control.fd(), .events = POLLIN, .revents = 0};
        if (poll(&ready, 1, 0) == 1) {
          return receive_line(control);
        }
      } else if (errno != EINTR) {
        return os_error("recvmmsg");
      }
    }
  }

  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t not_authentic = 0;
  std::uint64_t batches = 0;
  double first = 0;
  double last = 0;
  double cpu_first = 0;

 private:
  void take(std::size_t count) {
    last = wall_seconds();
    if (batches++ == 0) {
      first = last;
      cpu_first = cpu_seconds();
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = messages_[i].msg_len;
      const std::size_t segment = segment_size(messages_[i].msg_hdr, size);
      for (std::size_t at = 0; at < size; at += segment) {
        take_packet(MutableByteView(buffers_[i]).subspan(at, std::min(segment, size - at)));
      }
    }
  }

  void take_packet(MutableByteView packet) {
    if (aes_ && !protection_.open(packet)) {
      ++not_authentic;
      return;
    }
    ++packets;
    bytes += packet.size();
  }

  static std::size_t segment_size(msghdr& header, std::size_t size) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
        int segment = 0;
        std::memcpy(&segment, CMSG_DATA(c), sizeof segment);
        return segment > 0 ? static_cast<std::size_t>(segment) : size;
      }
    }
    return size;
  }

  struct alignas(cmsghdr) Control : std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> {};

  bool aes_;
  PacketProtection protection_;
  std::array<Bytes, kBatch> buffers_;
  std::array<iovec, kBatch> vectors_{};
  std::array<Control, kBatch> controls_{};
  std::array<mmsghdr, kBatch> messages_{};
};

struct Listening {
  Socket data;
  Socket control;
};

Result<Listening> listen_on(const Options& options) {
  I2_TRY(enter_netns(options.rx_netns));
  I2_TRY_VALUE(const sockaddr_in6 address, parse_address(options.bind));
  I2_TRY_VALUE(Socket data, make_socket(SOCK_DGRAM));
  I2_TRY_VALUE(Socket control, make_socket(SOCK_STREAM));
  grow_buffer(data, SO_RCVBUFFORCE, SO_RCVBUF);
  I2_TRY(set_option(data, SOL_UDP, UDP_GRO, 1, "UDP_GRO"));
  // Long enough that a sender that was not scheduled for a moment is not taken for a finished one:
  // the end is only looked for when nothing arrived for this long.
  I2_TRY(set_option(data, SOL_SOCKET, SO_RCVTIMEO, timeval{.tv_sec = 0, .tv_usec = 50'000},
                    "timeout"));
  I2_TRY(set_option(control, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  if (bind(data.fd(), generic(address), sizeof address) != 0 ||
      bind(control.fd(), generic(address), sizeof address) != 0 || listen(control.fd(), 1) != 0) {
    return os_error("cannot listen on " + options.bind);
  }
  return Listening{std::move(data), std::move(control)};
}

Result<void> run_rx(const Options& options, const Listening& listening) {
  I2_TRY(pin(options.rx_cpu));
  const Socket control(accept4(listening.control.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  if (control.fd() < 0) {
    return os_error("accept");
  }
  I2_TRY_VALUE(const json plan, receive_line(control));
  const bool aes = plan.value("aes", false);
  I2_TRY_VALUE(const PacketKeys keys, keys_from(plan.value("keys", json::object())));
  Receiver receiver(aes, keys);
  I2_TRY(send_line(control, {{"ready", true}}));
  I2_TRY_VALUE(json sent, receiver.run(listening.data, control));
  const double cpu = cpu_seconds() - receiver.cpu_first;
  I2_TRY(send_line(control, {{"received", receiver.packets}}));

  const double seconds = receiver.last - receiver.first;
  if (seconds <= 0) {
    return fail("bench.nothing", "nothing arrived");
  }
  const json result{
      {"bench", "raw_udp"},
      {"aes", aes},
      {"payload", plan.value("payload", 0)},
      {"segments", plan.value("segments", 0)},
      {"gbps", static_cast<double>(receiver.bytes) * 8e-9 / seconds},
      {"received",
       {{"bytes", receiver.bytes},
        {"packets", receiver.packets},
        {"seconds", seconds},
        {"batches", receiver.batches}}},
      {"not_authentic", receiver.not_authentic},
      {"lost_packets", sent.value("packets", std::uint64_t{0}) - receiver.packets},
      {"cpu_seconds", {{"tx", sent.value("cpu_seconds", 0.0)}, {"rx", cpu}}},
      {"sent", std::move(sent)},
  };
  std::printf("%s\n", result.dump().c_str());
  return {};
}

// --- modes --------------------------------------------------------------------------------------

Result<void> run_both(const Options& options) {
  I2_TRY_VALUE(const Listening listening, listen_on(options));
  const pid_t child = fork();
  if (child < 0) {
    return os_error("fork");
  }
  if (child == 0) {
    const auto done = run_tx(options);
    if (!done) {
      std::fprintf(stderr, "bench_raw_udp tx: %s\n", done.error().to_string().c_str());
    }
    _exit(done ? 0 : 1);
  }
  const auto received = run_rx(options, listening);
  int status = 0;
  waitpid(child, &status, 0);
  I2_TRY(received);
  return status == 0 ? Result<void>() : fail("bench.sender", "the sender failed");
}

int main_of(int argc, char** argv) {
  Options options;
  std::string mode = "both";
  CLI::App app("Raw IPv6 UDP throughput with GSO and GRO, the ceiling for a transport");
  app.add_option("mode", mode, "rx, tx, or both in one command")
      ->check(CLI::IsMember({"rx", "tx", "both"}));
  app.add_option("--bind", options.bind, "[address]:port to receive on");
  app.add_option("--peer", options.peer, "[address]:port to send to");
  app.add_option("--rx-cpu", options.rx_cpu, "CPU of the receiver");
  app.add_option("--tx-cpu", options.tx_cpu, "CPU of the sender");
  app.add_option("--rx-netns", options.rx_netns, "network namespace of the receiver");
  app.add_option("--tx-netns", options.tx_netns, "network namespace of the sender");
  app.add_option("--payload", options.payload, "UDP payload of each datagram, bytes");
  app.add_option("--segments", options.segments, "datagrams per send; 1 means without GSO");
  app.add_option("--duration", options.duration, "seconds");
  app.add_flag("--aes", options.aes, "AES-128-GCM and header protection for every packet");
  CLI11_PARSE(app, argc, argv);

  Result<void> done;
  if (mode == "rx") {
    const auto listening = listen_on(options);
    done = listening ? run_rx(options, *listening) : fail(listening.error());
  } else {
    done = mode == "tx" ? run_tx(options) : run_both(options);
  }
  if (!done) {
    std::fprintf(stderr, "bench_raw_udp: %s\n", done.error().to_string().c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace i2::bench

int main(int argc, char** argv) {
  return i2::bench::run_main("bench_raw_udp", [&] { return i2::bench::main_of(argc, argv); });
}
