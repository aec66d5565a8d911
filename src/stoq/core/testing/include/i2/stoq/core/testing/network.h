// Many endpoints in one thread on virtual time: datagrams travel through a seeded network that
// delays, loses, duplicates and reorders them. One seed gives one run, packet for packet, when the
// process-wide randomness is seeded too (crypto::testing::SeededRandom).
#pragma once

#include <i2/crypto/hash.h>
#include <i2/stoq/core/endpoint.h>
#include <i2/stoq/core/testing/trust.h>

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <vector>

namespace i2::stoq::core::testing {

// SplitMix64: for the network's choices and the endpoints' connection IDs.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : state_(seed) {}
  void fill(MutableByteView out) override;
  [[nodiscard]] std::uint64_t next();
  // True with probability `share` of one million.
  [[nodiscard]] bool chance(std::uint32_t per_million) { return next() % 1'000'000 < per_million; }

 private:
  std::uint64_t state_;
};

struct LinkConditions {
  Duration delay = 10 * kMillisecond;  // one way
  Duration jitter = 0;                 // added, uniformly; reorders
  std::uint32_t loss_per_million = 0;
  std::uint32_t duplicate_per_million = 0;
  std::uint32_t corrupt_per_million = 0;
  std::size_t mtu = 1452;  // larger datagrams vanish
};

class Network {
 public:
  explicit Network(std::uint64_t seed, UnixMillis unix_start = 1'750'000'000'000);

  struct Host {
    SocketAddress address;
    SocketAddress outside;  // as others see it: `address`, or what a NAT makes of it
    std::unique_ptr<Endpoint> endpoint;
    std::vector<Event> events;  // everything reported so far
  };
  // `node` signs HELLOs and outlives the network. Returns its index.
  std::size_t add_host(const EndpointConfig& config, std::shared_ptr<TlsContext> tls,
                       const TestNode& node, const ports::PeerVerifier& verifier);
  [[nodiscard]] Host& host(std::size_t index) { return *hosts_[index]; }
  // The host forgets everything that its EndpointConfig does not hold, as after a crash.
  void restart(std::size_t index);
  // The NAT in front of the host chooses another address; the host does not notice.
  void rebind(std::size_t index, const SocketAddress& outside);
  [[nodiscard]] Result<ConnectionHandle> connect(std::size_t from, std::size_t to,
                                                 Endpoint::ConnectOptions options = {});
  // Runs until `done` or until `limit` has passed; true when `done`.
  bool run_until(const std::function<bool()>& done, Duration limit = 60 * kSecond);
  void run_for(Duration time) {
    (void)run_until([] { return false; }, time);
  }
  // Called for each event after it is recorded.
  std::function<void(std::size_t host, const Event&)> on_event;
  // Called for each datagram before the link's own conditions; false drops it.
  std::function<bool(std::size_t from, std::size_t to, ByteView datagram)> filter;
  // What the path makes of the ECN codepoint (RFC 3168) of a datagram; unset: leaves it alone.
  std::function<std::uint8_t(std::uint8_t ecn)> mark;

  // The host whose endpoint is writing packets right now.
  [[nodiscard]] std::size_t sending() const { return sending_; }

  std::set<std::size_t> speechless;  // hosts that never sign their HELLO
  LinkConditions link;
  [[nodiscard]] Timestamp now() const { return now_; }
  [[nodiscard]] UnixMillis unix_now() const { return unix_start_ + now_ / kMillisecond; }
  [[nodiscard]] std::uint64_t datagrams_sent() const { return sequence_; }
  // SHA-256 over time, ends and contents of every datagram so far.
  [[nodiscard]] Hash256 trace();
  // Injects a raw datagram, as an attacker would.
  void inject(const SocketAddress& from, std::size_t to, ByteView datagram);

 private:
  struct Packet {
    Timestamp at;
    std::uint64_t sequence;
    SocketAddress from;
    std::size_t to;
    std::uint8_t ecn;
    std::shared_ptr<const Bytes> bytes;  // shared: the queue's elements are copied
    friend bool operator>(const Packet& a, const Packet& b) {
      return std::tie(a.at, a.sequence) > std::tie(b.at, b.sequence);
    }
  };
  struct Origin {
    EndpointConfig config;
    std::shared_ptr<TlsContext> tls;
    const TestNode* node;
    const ports::PeerVerifier* verifier;
    std::unique_ptr<SeededRng> rng;
  };
  [[nodiscard]] std::unique_ptr<Endpoint> make_endpoint(const Origin& origin);
  void drain(std::size_t index);
  void send(std::size_t from, const Transmit& transmit, ByteView bytes);

  Timestamp now_ = kSecond;
  UnixMillis unix_start_;
  SeededRng rng_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Origin> origins_;
  std::map<SocketAddress, std::size_t> by_address_;
  std::priority_queue<Packet, std::vector<Packet>, std::greater<>> in_flight_;
  std::uint64_t sequence_ = 0;
  std::size_t sending_ = 0;
  crypto::Sha256 trace_;
  Bytes buffer_ = Bytes(kTransmitSizeMax);
};

// A ticket is offered with its age, which libssl takes from the wall clock. After this the age is 0
// for ever, and a simulation that resumes sessions repeats.
void make_ageless(const TlsSession& session);

}  // namespace i2::stoq::core::testing
