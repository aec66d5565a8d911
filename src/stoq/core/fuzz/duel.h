// A client and a server endpoint with a wire between them that the fuzzer holds in its hands.
#pragma once

#include <i2/crypto/testing/seeded_random.h>
#include <i2/stoq/core/endpoint.h>
#include <i2/stoq/core/testing/network.h>

#include <deque>
#include <set>
#include <vector>

namespace i2::stoq::core::fuzz {

// Bytes of the fuzzer's input, one after the other; zeros behind its end.
class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t u8() {
    const ByteView one = take(1);
    return one.empty() ? 0 : one[0];
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(u8() << 8 | u8()); }
  ByteView take(std::size_t size) {
    const ByteView out = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(out.size());
    return out;
  }

 private:
  ByteView rest_;
};

class Duel {
 public:
  static constexpr std::size_t kClient = 0;
  static constexpr std::size_t kServer = 1;
  static constexpr std::size_t kWireMax = 256;
  static constexpr std::uint16_t kPort = 9'292;

  // `tight`: few streams and small windows.
  explicit Duel(bool tight);

  // False when the client may not (any more).
  bool connect(Bytes token = {});
  void deliver_all();  // until nothing is in flight
  void inject(std::size_t to, bool stranger, ByteView datagram);
  void step(Input& input);  // one thing that the network, an attacker or an application may do
  // Nothing is heard any more: every connection must end by itself and leave nothing behind.
  void settle();

  [[nodiscard]] bool established(std::size_t side) const { return !sides_[side].open.empty(); }

 private:
  struct Packet {
    std::size_t to;
    PathAddresses path;  // as the receiver sees it
    std::uint8_t ecn;
    Bytes bytes;
  };
  struct Side {
    SocketAddress address;
    testing::SeededRng rng{7};
    std::unique_ptr<Endpoint> endpoint;
    std::vector<ConnectionHandle> open;  // kConnected and not kClosed
    std::set<ConnectionHandle> closed;
    std::vector<std::pair<ConnectionHandle, StreamId>> streams;
  };
  void start(std::size_t side);  // again, with nothing but its configuration
  void pump(std::size_t side);
  void on_event(std::size_t side, const Event& event);
  void send(std::size_t from, const Transmit& transmit, ByteView datagram);
  void deliver(Packet packet);
  void advance(Duration time);
  void network_step(Input& input, std::uint8_t kind);
  void application_step(Input& input, std::uint8_t kind);
  void rare_step(std::size_t side, Connection connection, std::uint8_t kind);
  void stream_step(std::size_t side, Input& input, std::uint8_t kind);
  [[nodiscard]] std::optional<Connection> some_connection(std::size_t side, std::uint8_t choice);

  // First: everything below draws from it.
  crypto::testing::SeededRandom random_{1};
  Timestamp now_ = kSecond;
  bool tight_;
  std::size_t path_size_ = kTransmitSizeMax;
  std::uint16_t nat_port_ = kPort;
  Side sides_[2];
  std::deque<Packet> wire_;
  Bytes buffer_ = Bytes(kTransmitSizeMax);
};

}  // namespace i2::stoq::core::fuzz
