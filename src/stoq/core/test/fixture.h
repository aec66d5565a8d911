// Two or more nodes of one fleet on the in-memory network.
#pragma once

#include <gtest/gtest.h>
#include <i2/stoq/core/errors.h>
#include <i2/stoq/core/testing/network.h>

namespace i2::stoq::core {

inline constexpr UnixMillis kUnixStart = 1'750'000'000'000;

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() : fleet_(kUnixStart), network_(1) {
    auto tls = TlsContext::create({});
    EXPECT_TRUE(tls);
    tls_ = *tls;
  }

  testing::TestNode& add(const std::string& name, const EndpointConfig& config = {},
                         bool enrolled = true) {
    nodes_.push_back(std::make_unique<testing::TestNode>(fleet_, name, kUnixStart));
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
};

}  // namespace i2::stoq::core
