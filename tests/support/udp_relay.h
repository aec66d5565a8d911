// A bad network for tests: forwards IPv6 UDP between clients and one target and, by a seed, loses,
// delays, reorders, duplicates and corrupts datagrams in both directions.
//
// Every client address gets a socket of its own towards the target, as behind a NAT, so the target
// sees distinct peers. A datagram is forwarded as it came, one at a time; segments of a UDP_SEGMENT
// send arrive as single datagrams.
//
// Threading: run() in one thread; stop(), toggle_blackhole() and metrics() from any thread, the
// first two also from a signal handler. Limits: kClientsMax clients, kQueuedBytesMax in delayed
// datagrams; what is beyond is dropped and counted.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/telemetry/metrics.h>
#include <netinet/in.h>

#include <atomic>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

namespace i2::test {

struct Impairment {
  // Probabilities per datagram, 0 to 1.
  double loss = 0;
  double duplicate = 0;
  double corrupt = 0;  // one bit is flipped; the UDP checksum stays right
  // Every copy waits for `delay` plus a uniform share of `jitter`, which reorders by itself.
  Duration delay = 0;
  Duration jitter = 0;
};

// What happens to one datagram.
struct Fate {
  std::size_t copies = 1;  // 0: lost, 2: duplicated
  std::array<Duration, 2> delays{};
  std::optional<std::size_t> flipped_bit;  // in every copy

  friend bool operator==(const Fate&, const Fate&) = default;
};

// Draws fates. The n-th fate depends on the seed and n only, apart from the place of a flipped bit,
// which depends on the size of the datagram too.
class Impairer {
 public:
  Impairer(const Impairment& impairment, std::uint64_t seed)
      : impairment_(impairment), random_(seed) {}
  [[nodiscard]] Fate next(std::size_t size);

 private:
  [[nodiscard]] double uniform();  // in [0, 1)
  [[nodiscard]] Duration draw_delay();

  Impairment impairment_;
  std::mt19937_64 random_;
};

struct RelayOptions {
  sockaddr_in6 listen{};  // port 0 chooses one
  sockaddr_in6 target{};
  Impairment impairment{};
  std::uint64_t seed = 1;  // towards the target; the other direction uses seed + 1
};

using RelayMetrics = telemetry::Metrics<
    "relay",
    telemetry::Metric<telemetry::Counter, "received", telemetry::Unit::kNone, "Datagrams taken in">,
    telemetry::Metric<telemetry::Counter, "forwarded", telemetry::Unit::kNone, "Datagrams sent on">,
    telemetry::Metric<telemetry::Counter, "lost", telemetry::Unit::kNone,
                      "Datagrams lost by chance">,
    telemetry::Metric<telemetry::Counter, "duplicated", telemetry::Unit::kNone,
                      "Datagrams doubled by chance">,
    telemetry::Metric<telemetry::Counter, "corrupted", telemetry::Unit::kNone,
                      "Datagrams with a flipped bit">,
    telemetry::Metric<telemetry::Counter, "swallowed", telemetry::Unit::kNone,
                      "Datagrams dropped while the black hole was open">,
    telemetry::Metric<telemetry::Counter, "refused", telemetry::Unit::kNone,
                      "Datagrams dropped at a limit or by the system">>;

// Reads "[address]:port". Error: test.address.
[[nodiscard]] Result<sockaddr_in6> parse_address(const std::string& text);
[[nodiscard]] std::string to_string(const sockaddr_in6& address);

class UdpRelay {
 public:
  static constexpr std::size_t kClientsMax = 256;
  static constexpr std::size_t kQueuedBytesMax = std::size_t{64} << 20;

  // Binds the listening socket. Error: test.system.
  static Result<std::unique_ptr<UdpRelay>> create(const RelayOptions& options);
  UdpRelay(const UdpRelay&) = delete;
  UdpRelay& operator=(const UdpRelay&) = delete;
  ~UdpRelay();

  // Forwards until stop(). Error: test.system.
  Result<void> run();
  void stop();
  // Opens or closes the black hole. While it is open nothing gets through: datagrams that arrive
  // and delayed ones that become due are dropped.
  void toggle_blackhole();
  [[nodiscard]] const sockaddr_in6& address() const { return address_; }
  [[nodiscard]] const RelayMetrics& metrics() const { return metrics_; }

 private:
  struct Client {
    sockaddr_in6 address;
    int fd;  // connected to the target
  };
  struct Datagram {
    Timestamp due;
    std::uint64_t order;  // keeps datagrams that are due together in their order
    std::size_t client;
    bool to_target;
    Bytes data;
    friend bool operator>(const Datagram& a, const Datagram& b) {
      return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
  };

  explicit UdpRelay(const RelayOptions& options);
  Result<void> open();
  [[nodiscard]] bool blackhole_open() const { return toggles_.load() % 2 == 1; }
  std::optional<std::size_t> client_of(const sockaddr_in6& address);
  void receive_from_clients(Timestamp now);
  void receive_from_target(std::size_t client, Timestamp now);
  void take(std::size_t client, bool to_target, ByteView data, Timestamp now);
  void send_due(Timestamp now);

  RelayOptions options_;
  sockaddr_in6 address_{};
  int listen_fd_ = -1;
  int stop_fd_ = -1;
  std::atomic<unsigned> toggles_ = 0;
  std::vector<Client> clients_;
  std::priority_queue<Datagram, std::vector<Datagram>, std::greater<>> queue_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t order_ = 0;
  Impairer to_target_;
  Impairer to_client_;
  Bytes buffer_;
  RelayMetrics metrics_;
};

}  // namespace i2::test
