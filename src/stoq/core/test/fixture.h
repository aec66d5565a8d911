// Two or more nodes of one fleet on the in-memory network.
#pragma once

#include <gtest/gtest.h>
#include <i2/stoq/core/errors.h>
#include <i2/stoq/core/testing/network.h>

namespace i2::stoq::core {

inline constexpr UnixMillis kUnixStart = 1'750'000'000'000;
// Initials that a ClientHello without an address token takes.
inline constexpr std::size_t kFirstFlight = 3;

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() : fleet_(kUnixStart), network_(1) {
    auto tls = TlsContext::create({});
    EXPECT_TRUE(tls);
    tls_ = *tls;
    network_.on_event = [this](std::size_t host, const Event& event) { observe(host, event); };
  }

  // Of every event, unless a test takes network_.on_event for itself.
  virtual void observe(std::size_t host, const Event& event) {
    if (event.kind == EventKind::kClosed) {
      close_codes_[host] = endpoint(host).find(event.connection)->close_error().code();
    }
  }

  testing::TestNode& add(const std::string& name, const EndpointConfig& config = {},
                         bool enrolled = true) {
    nodes_.push_back(std::make_unique<testing::TestNode>(fleet_, name, kUnixStart, leaf_life_));
    if (enrolled) {
      fleet_.enrol(*nodes_.back());
    }
    network_.add_host(config, tls_, *nodes_.back(), fleet_);
    return *nodes_.back();
  }
  Endpoint& endpoint(std::size_t host) { return *network_.host(host).endpoint; }

  [[nodiscard]] std::optional<Event> find_event(std::size_t host, EventKind kind) {
    for (const Event& event : network_.host(host).events) {
      if (event.kind == kind) {
        return event;
      }
    }
    return std::nullopt;
  }
  void forget_events(std::size_t host, EventKind kind) {
    std::erase_if(network_.host(host).events,
                  [kind](const Event& event) { return event.kind == kind; });
  }
  bool wait_event(std::size_t host, EventKind kind, Duration limit = 30 * kSecond) {
    return network_.run_until([&] { return find_event(host, kind).has_value(); }, limit);
  }
  // Connects host 0 to host 1 and waits until both know it.
  ConnectionHandle connect() {
    const auto handle = network_.connect(0, 1);
    EXPECT_TRUE(handle);
    EXPECT_TRUE(wait_event(0, EventKind::kConnected));
    EXPECT_TRUE(wait_event(1, EventKind::kConnected));
    return *handle;
  }
  Connection client() {
    return *endpoint(0).find(find_event(0, EventKind::kConnected)->connection);
  }
  Connection server() {
    return *endpoint(1).find(find_event(1, EventKind::kConnected)->connection);
  }

  testing::TestFleet fleet_;
  std::shared_ptr<TlsContext> tls_;
  std::vector<std::unique_ptr<testing::TestNode>> nodes_;
  testing::Network network_;
  Duration leaf_life_ = 24 * 3'600 * kSecond;       // of nodes that are added
  std::map<std::size_t, std::string> close_codes_;  // by host: why its last connection ended
};

inline Bytes pattern(std::size_t size, std::uint64_t seed = 1) {
  Bytes out(size);
  testing::SeededRng(seed).fill(out);
  return out;
}

// Host 0 is connected to host 1, and what one host gets on its streams is collected.
class TransferTest : public CoreTest {
 protected:
  void pair(const EndpointConfig& config = {}) {
    add("alpha", config);
    add("beta", config);
    connect();
  }
  // From now on reads everything that `host` gets on every stream.
  void collect(std::size_t host = 1) { collecting_ = host; }
  void observe(std::size_t host, const Event& event) override {
    CoreTest::observe(host, event);
    if (host == collecting_ && event.kind == EventKind::kStreamReadable) {
      read_all(*endpoint(host).find(event.connection), event.stream);
    }
  }
  void read_all(Connection connection, StreamId id) {
    for (;;) {
      const auto result = connection.read(id);
      if (!result) {
        return;
      }
      append(received_[id], result->data.view());
      if (result->finished) {
        finished_.push_back(id);
      }
      if (result->reset) {
        reset_[id] = *result->reset;
      }
      if (result->data.size() == 0 || result->finished) {
        return;
      }
    }
  }
  // Opens a stream of `from` that carries `bytes` and ends.
  static StreamId start(Connection from, const Bytes& bytes) {
    const auto id = from.open_stream(StreamType::kBytes, true);
    EXPECT_TRUE(id);
    EXPECT_TRUE(from.write(*id, Chunk(Bytes(bytes)), true));
    return *id;
  }

  std::optional<std::size_t> collecting_;
  std::map<StreamId, Bytes> received_;
  std::vector<StreamId> finished_;
  std::map<StreamId, std::uint64_t> reset_;
};

}  // namespace i2::stoq::core
