#include "transport_sim.h"

#include <i2/crypto/testing/seeded_random.h>
#include <i2/stoq/core/errors.h>
#include <i2/wire/reader.h>

#include <algorithm>
#include <tuple>

namespace i2::sim {
namespace {

using namespace stoq::core;
using stoq::core::testing::make_ageless;
using stoq::core::testing::Network;
using stoq::core::testing::SeededRng;
using stoq::core::testing::TestFleet;
using stoq::core::testing::TestNode;

constexpr std::size_t kNodes = 20;
constexpr std::size_t kTargets = 3;   // that a node sends to
constexpr std::size_t kMessages = 5;  // to each of them
constexpr std::size_t kSizeMax = 60'000;
constexpr Duration kSendingTime = 60 * kSecond;
constexpr Duration kTick = 250 * kMillisecond;
constexpr Duration kLimit = 600 * kSecond;
constexpr UnixMillis kUnixStart = 1'750'000'000'000;

// Keys cost more than runs: made once, from a seed of their own.
struct People {
  TestFleet fleet{kUnixStart};
  std::vector<std::unique_ptr<TestNode>> nodes;

  People() {
    for (std::size_t i = 0; i < kNodes; ++i) {
      nodes.push_back(std::make_unique<TestNode>(fleet, "node" + std::to_string(i), kUnixStart));
      fleet.enrol(*nodes.back());
    }
  }
};

People& people() {
  static People& instance = []() -> People& {
    const crypto::testing::SeededRandom random(0x5eed);
    static People made;
    return made;
  }();
  return instance;
}

struct Message {
  std::size_t from = 0;
  std::size_t to = 0;
  std::uint64_t number = 0;
  Timestamp due = 0;
  Bytes bytes;  // with its header
  enum class State : std::uint8_t { kWaiting, kSent, kConfirmed } state = State::kWaiting;
};

struct Peer {  // one that a node sends to
  ConnectionHandle connection;
  bool connected = false;
  Endpoint::ConnectOptions resumption;
  std::vector<Message*> messages;
};

using StreamKey = std::tuple<std::size_t, ConnectionHandle, StreamId>;

class TransportSim {
 public:
  explicit TransportSim(std::uint64_t seed);
  Outcome run();

 private:
  void write_messages();
  void tick();
  void disturb();
  void on_event(std::size_t host, const Event& event);
  void on_connected(std::size_t host, Connection& connection);
  void on_closed(std::size_t host, Connection& connection);
  void on_readable(std::size_t host, Connection& connection, StreamId id);
  void on_answer(const StreamKey& key, Connection& connection, ByteView answer);
  void on_message(std::size_t host, Connection& connection, StreamId id, ByteView bytes);
  void send_due(std::size_t from, std::size_t to);
  void complain(std::string what) {
    if (outcome_.complaints.size() < 20) {
      outcome_.complaints.push_back(std::to_string(network_.now() / kMillisecond) +
                                    " ms: " + std::move(what));
    }
  }
  [[nodiscard]] Endpoint& endpoint(std::size_t host) { return *network_.host(host).endpoint; }
  [[nodiscard]] Peer* peer_of(std::size_t host, ConnectionHandle handle);

  crypto::testing::SeededRandom process_;  // first: what follows draws from it
  SeededRng rng_;
  Network network_;
  std::vector<std::unique_ptr<Message>> messages_;
  std::vector<std::map<std::size_t, Peer>> peers_{kNodes};
  std::map<StreamKey, Message*> asked_;  // sender's streams
  std::map<StreamKey, Bytes> arriving_;  // bytes of both sides' streams so far
  std::set<const Message*> received_;
  crypto::Sha256 seen_;  // every event, in order
  std::vector<std::size_t> half_ = std::vector<std::size_t>(kNodes);
  std::size_t hermit_ = 0;
  std::size_t crasher_ = 0;
  bool crashed_ = false;
  bool rebound_ = false;
  Timestamp started_ = 0;
  Outcome outcome_;
};

TransportSim::TransportSim(std::uint64_t seed)
    : process_(seed), rng_(seed ^ 0x7a11), network_(seed, kUnixStart) {
  People& all = people();
  auto tls = TlsContext::create({});
  if (!tls) {
    complain(tls.error().to_string());
    return;
  }
  EndpointConfig config;
  config.stream_window = 64 * 1024;
  config.connection_window = 256 * 1024;
  config.streams_bidi_max = 4;
  for (const auto& node : all.nodes) {
    network_.add_host(config, *tls, *node, all.fleet);
  }
  network_.link = {.delay = (2 + rng_.next() % 60) * kMillisecond,
                   .jitter = (1 + rng_.next() % 20) * kMillisecond,
                   .loss_per_million = static_cast<std::uint32_t>(rng_.next() % 40'000),
                   .duplicate_per_million = static_cast<std::uint32_t>(rng_.next() % 20'000),
                   .corrupt_per_million = static_cast<std::uint32_t>(rng_.next() % 5'000)};
  for (std::size_t& side : half_) {
    side = rng_.next() % 2;
  }
  hermit_ = rng_.next() % kNodes;
  crasher_ = rng_.next() % kNodes;
  network_.on_event = [this](std::size_t host, const Event& event) { on_event(host, event); };
  started_ = network_.now();
  write_messages();
}

void TransportSim::write_messages() {
  for (std::size_t from = 0; from < kNodes; ++from) {
    while (peers_[from].size() < kTargets) {
      const std::size_t to = rng_.next() % kNodes;
      if (to == from || peers_[from].contains(to)) {
        continue;
      }
      Peer& peer = peers_[from][to];
      for (std::uint64_t number = 0; number < kMessages; ++number) {
        auto message = std::make_unique<Message>();
        message->from = from;
        message->to = to;
        message->number = number;
        message->due = started_ + rng_.next() % kSendingTime;
        wire::Writer writer(message->bytes);
        writer.u64(messages_.size());
        Bytes body(1 + rng_.next() % kSizeMax);
        rng_.fill(body);
        writer.bytes(body);
        peer.messages.push_back(message.get());
        messages_.push_back(std::move(message));
      }
    }
  }
  outcome_.messages = messages_.size();
}

Peer* TransportSim::peer_of(std::size_t host, ConnectionHandle handle) {
  for (auto& [to, peer] : peers_[host]) {
    if (peer.connection == handle) {
      return &peer;
    }
  }
  return nullptr;
}

void TransportSim::send_due(std::size_t from, std::size_t to) {
  Peer& peer = peers_[from][to];
  auto connection = endpoint(from).find(peer.connection);
  if (!peer.connected || !connection) {
    return;
  }
  for (Message* const message : peer.messages) {
    if (message->state != Message::State::kWaiting || message->due > network_.now()) {
      continue;
    }
    const auto id = connection->open_stream(StreamType::kMessages, true);
    if (!id) {
      return;  // kStreamsAvailable or the next tick tries again
    }
    if (!connection->write(*id, Chunk(Bytes(message->bytes)), true)) {
      complain("a fresh stream refused bytes");
    }
    message->state = Message::State::kSent;
    asked_[{from, peer.connection, *id}] = message;
  }
}

void TransportSim::on_connected(std::size_t host, Connection& connection) {
  ++outcome_.connections;
  outcome_.resumed += connection.security().resumed ? 1 : 0;
  if (!connection.is_client()) {
    return;
  }
  for (auto& [to, peer] : peers_[host]) {
    if (peer.connection == connection.handle()) {
      if (connection.peer().name != people().nodes[to]->name()) {
        complain("connected to " + connection.peer().name + " instead of " +
                 people().nodes[to]->name());
      }
      peer.connected = true;
      send_due(host, to);
    }
  }
}

void TransportSim::on_closed(std::size_t host, Connection& connection) {
  const Error& error = connection.close_error();
  const bool expected = error.is("stoq.idle_timeout") || error.is("stoq.handshake_timeout") ||
                        error.is("stoq.unreachable") || error.is("stoq.shut_down") ||
                        error.is("stoq.hello_timeout") || error.is("stoq.closed_by_peer") ||
                        error.is("stoq.going_away") || error.is("stoq.closed");
  if (!expected) {
    complain("node " + std::to_string(host) + ": " + error.to_string());
  }
  ++outcome_.lost_connections;
  const ConnectionHandle handle = connection.handle();
  std::erase_if(arriving_, [&](const auto& item) {
    return std::get<0>(item.first) == host && std::get<1>(item.first) == handle;
  });
  std::erase_if(asked_, [&](const auto& item) {
    const bool gone = std::get<0>(item.first) == host && std::get<1>(item.first) == handle;
    if (gone && item.second->state == Message::State::kSent) {
      item.second->state = Message::State::kWaiting;
    }
    return gone;
  });
  if (Peer* const peer = peer_of(host, handle); peer != nullptr) {
    peer->resumption = {connection.take_session(), connection.take_token()};
    if (peer->resumption.session) {
      make_ageless(peer->resumption.session);
    }
    peer->connection = {};
    peer->connected = false;
  }
}

void TransportSim::on_answer(const StreamKey& key, Connection& connection, ByteView answer) {
  const auto asked = asked_.find(key);
  if (asked == asked_.end()) {
    complain("an answer to nothing");
    return;
  }
  Message& message = *asked->second;
  if (!equal(answer, crypto::sha256(message.bytes))) {
    complain("the answer is not the hash of the message");
  }
  message.state = Message::State::kConfirmed;
  ++outcome_.confirmed;
  asked_.erase(asked);
  connection.release_stream(std::get<2>(key));
}

void TransportSim::on_message(std::size_t host, Connection& connection, StreamId id,
                              ByteView bytes) {
  wire::Reader reader(bytes);
  const std::uint64_t index = reader.u64();
  if (!reader.ok() || index >= messages_.size()) {
    complain("a message without a proper header");
    return;
  }
  const Message& message = *messages_[index];
  if (message.to != host || connection.peer().name != people().nodes[message.from]->name() ||
      !equal(message.bytes, bytes)) {
    complain("message " + std::to_string(index) + " is not what was sent");
  }
  received_.insert(&message);
  if (!connection.write(id, Chunk(to_bytes(crypto::sha256(bytes))), true)) {
    complain("the answer could not be written");
  }
  connection.release_stream(id);
}

void TransportSim::on_readable(std::size_t host, Connection& connection, StreamId id) {
  const StreamKey key{host, connection.handle(), id};
  for (;;) {
    const auto result = connection.read(id, 1 + rng_.next() % 20'000);
    if (!result || result->reset) {
      complain("stream " + std::to_string(id) + " failed on a living connection");
      return;
    }
    append(arriving_[key], result->data.view());
    if (result->finished) {
      break;
    }
    if (result->data.size() == 0) {
      return;
    }
  }
  const Bytes whole = std::move(arriving_[key]);
  arriving_.erase(key);
  const bool mine = is_server_initiated(id) != connection.is_client();
  if (mine) {
    on_answer(key, connection, whole);
  } else {
    on_message(host, connection, id, whole);
  }
}

void TransportSim::on_event(std::size_t host, const Event& event) {
  Bytes line;
  wire::Writer writer(line);
  writer.u64(network_.now());
  writer.u64(host);
  writer.u64(event.connection.value);
  writer.u8(static_cast<std::uint8_t>(event.kind));
  writer.u64(static_cast<std::uint64_t>(event.stream));
  seen_.update(line);
  auto connection = endpoint(host).find(event.connection);
  if (!connection) {
    complain("an event of a connection that does not exist");
    return;
  }
  switch (event.kind) {
    case EventKind::kConnected:
      on_connected(host, *connection);
      break;
    case EventKind::kClosed:
      on_closed(host, *connection);
      break;
    case EventKind::kStreamReadable:
      on_readable(host, *connection, event.stream);
      break;
    case EventKind::kStreamsAvailable:
      for (auto& [to, peer] : peers_[host]) {
        if (peer.connection == event.connection) {
          send_due(host, to);
        }
      }
      break;
    default:
      break;
  }
}

// The history of every run: a split into halves, a hermit who is alone long enough for his
// connections to die, a crash, and a NAT that forgets.
void TransportSim::disturb() {
  const Duration age = network_.now() - started_;
  const bool split = age > 4 * kSecond && age < 9 * kSecond;
  const bool alone = age > 15 * kSecond && age < 55 * kSecond;
  network_.filter = [this, split, alone](std::size_t from, std::size_t to, ByteView) {
    return !(split && half_[from] != half_[to]) && !(alone && (from == hermit_ || to == hermit_));
  };
  if (!crashed_ && age > 20 * kSecond) {
    crashed_ = true;
    network_.restart(crasher_);
    for (auto& [to, peer] : peers_[crasher_]) {
      peer.connection = {};
      peer.connected = false;
      for (Message* const message : peer.messages) {
        if (message->state == Message::State::kSent) {
          message->state = Message::State::kWaiting;
        }
      }
    }
    std::erase_if(asked_, [&](const auto& item) { return std::get<0>(item.first) == crasher_; });
    std::erase_if(arriving_, [&](const auto& item) { return std::get<0>(item.first) == crasher_; });
  }
  if (!rebound_ && age > 30 * kSecond) {
    rebound_ = true;
    const std::size_t index = (hermit_ + 1) % kNodes;
    SocketAddress outside = network_.host(index).address;
    outside.port = 40'000;
    network_.rebind(index, outside);
  }
}

void TransportSim::tick() {
  for (std::size_t from = 0; from < kNodes; ++from) {
    for (auto& [to, peer] : peers_[from]) {
      const bool open = std::ranges::any_of(peer.messages, [](const Message* message) {
        return message->state != Message::State::kConfirmed;
      });
      if (!open) {
        continue;
      }
      if (!peer.connection) {
        auto connection = network_.connect(from, to, std::move(peer.resumption));
        peer.resumption = {};
        if (!connection) {
          complain("connect: " + connection.error().to_string());
          continue;
        }
        peer.connection = *connection;
      }
      send_due(from, to);
    }
  }
}

Outcome TransportSim::run() {
  while (outcome_.confirmed < outcome_.messages && network_.now() - started_ < kLimit &&
         outcome_.complaints.empty()) {
    disturb();
    tick();
    network_.run_for(kTick);
  }
  outcome_.took = network_.now() - started_;
  outcome_.received = received_.size();
  network_.filter = nullptr;
  for (std::size_t i = 0; i < kNodes; ++i) {
    endpoint(i).shut_down();
  }
  network_.run_for(60 * kSecond);
  for (std::size_t i = 0; i < kNodes; ++i) {
    outcome_.left_over += endpoint(i).connection_count();
  }
  seen_.update(network_.trace());
  outcome_.trace = seen_.finish();
  return std::move(outcome_);
}

}  // namespace

Outcome run_transport(std::uint64_t seed) {
  return TransportSim(seed).run();
}

}  // namespace i2::sim
