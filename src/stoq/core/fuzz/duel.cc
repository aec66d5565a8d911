#include "duel.h"

#include <i2/base/assert.h>
#include <i2/stoq/core/testing/forger.h>

namespace i2::stoq::core::fuzz {
namespace {

constexpr UnixMillis kUnixStart = 1'750'000'000'000;

// Ed25519 leaves instead of Falcon ones: what is fuzzed is the transport, thousands of handshakes a
// minute.
class Speaker final : public ports::CertSource {
 public:
  explicit Speaker(std::uint8_t number) {
    auto key = crypto::PrivateKey::from_ed25519_seed(Bytes(32, number));
    I2_ASSERT(key);
    const std::string name(1, static_cast<char>('a' + number));
    auto certificate = crypto::build_certificate({.subject_key = key->public_key(),
                                                  .common_name = name,
                                                  .not_before = kUnixStart,
                                                  .not_after = kUnixStart + 86'400'000,
                                                  .serial = Bytes(16, 0x40)},
                                                 nullptr, *key);
    I2_ASSERT(certificate);
    credential_ = std::make_shared<const ports::LeafCredential>(
        ports::LeafCredential{std::move(*certificate), std::move(*key), Bytes(100, number)});
    id_.bytes.fill(number);
  }
  [[nodiscard]] NodeId node_id() const override { return id_; }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return credential_;
  }
  void sign_hello(Bytes message, std::function<void(Result<Bytes>)> done) const override {
    done(credential_->key.sign(message));
  }

 private:
  NodeId id_;
  std::shared_ptr<const ports::LeafCredential> credential_;
};

// Knows everybody who signs HELLO with the key of the leaf.
class Believer final : public ports::PeerVerifier {
 public:
  [[nodiscard]] Result<ports::LeafStanding> check_leaf(const crypto::Certificate&,
                                                       UnixMillis) const override {
    return ports::LeafStanding::kValid;
  }
  [[nodiscard]] Result<ports::PeerIdentity> check_hello(const ports::HelloClaim& claim,
                                                        UnixMillis) const override {
    if (!claim.leaf.public_key().verify(claim.message, claim.signature)) {
      return fail("trust.hello_signature", "signature");
    }
    return ports::PeerIdentity{claim.node_id, "somebody"};
  }
};

// Made once for the process.
struct World {
  Speaker client{1};
  Speaker server{2};
  Believer believer;
  std::shared_ptr<TlsContext> tls;

  World() {
    // No tickets: the server's session cache would carry something from one input to the next.
    auto made = TlsContext::create({.signature_algorithms = "ed25519", .tickets = 0});
    I2_ASSERT(made);
    tls = *made;
  }
};

World& world() {
  static World instance;
  return instance;
}

EndpointConfig config(bool tight) {
  EndpointConfig out;
  out.secret = Hash256{0x5e};  // so that who restarts is recognised
  out.pacing = false;
  out.connections_max = 8;
  out.handshakes_max = 4;
  if (tight) {
    out.streams_bidi_max = 4;
    out.streams_uni_max = 3;
    out.connection_window = 48 * 1024;
    out.stream_window = 16 * 1024;
    out.datagram_queue_max = 4;
    out.datagram_size_max = 1'000;
  }
  return out;
}

}  // namespace

Duel::Duel(bool tight) : tight_(tight) {
  testing::forger() = nullptr;
  for (std::size_t i = 0; i < 2; ++i) {
    Side& side = sides_[i];
    side.address.ip[0] = 0xfd;
    side.address.ip[15] = static_cast<std::uint8_t>(i + 1);
    side.address.port = kPort;
    side.rng = testing::SeededRng(100 + i);
    start(i);
  }
}

void Duel::start(std::size_t index) {
  Side& side = sides_[index];
  side.endpoint.reset();
  side.open.clear();
  side.closed.clear();
  side.streams.clear();
  const auto& node = index == kClient ? world().client : world().server;
  side.endpoint = std::make_unique<Endpoint>(config(tight_), world().tls, node, world().believer,
                                             side.rng, now_, kUnixStart);
}

bool Duel::connect(Bytes token) {
  const auto handle =
      sides_[kClient].endpoint->connect({sides_[kClient].address, sides_[kServer].address},
                                        {.session = nullptr, .token = std::move(token)}, now_);
  pump(kClient);
  return handle.has_value();
}

void Duel::on_event(std::size_t index, const Event& event) {
  Side& side = sides_[index];
  // kClosed is the last event of a connection.
  I2_ASSERT(!side.closed.contains(event.connection));
  auto connection = side.endpoint->find(event.connection);
  I2_ASSERT(connection);
  switch (event.kind) {
    case EventKind::kHelloSignatureWanted: {
      const auto& node = index == kClient ? world().client : world().server;
      node.sign_hello(to_bytes(connection->hello_to_sign()), [&](Result<Bytes> signature) {
        connection->provide_hello_signature(*signature);
      });
      break;
    }
    case EventKind::kConnected:
      I2_ASSERT(connection->established());
      side.open.push_back(event.connection);
      break;
    case EventKind::kStreamOpened:
      I2_ASSERT(connection->established() && connection->stream_type(event.stream));
      side.streams.emplace_back(event.connection, event.stream);
      break;
    case EventKind::kClosed:
      side.closed.insert(event.connection);
      std::erase(side.open, event.connection);
      std::erase_if(side.streams, [&](const auto& item) { return item.first == event.connection; });
      side.endpoint->forget(event.connection);
      break;
    default:
      break;
  }
}

void Duel::pump(std::size_t index) {
  Side& side = sides_[index];
  for (bool progress = true; progress;) {
    progress = false;
    while (const auto event = side.endpoint->poll_event()) {
      progress = true;
      on_event(index, *event);
    }
    while (const auto transmit = side.endpoint->poll_transmit(buffer_, now_)) {
      progress = true;
      I2_ASSERT(transmit->size <= buffer_.size() && transmit->segment_size > 0);
      ByteView rest = ByteView(buffer_).first(transmit->size);
      while (!rest.empty()) {
        const ByteView datagram = rest.first(std::min(rest.size(), transmit->segment_size));
        rest = rest.subspan(datagram.size());
        send(index, *transmit, datagram);
      }
    }
  }
}

// The NAT in front of the client knows two ports of his: his own and the one it has chosen since.
void Duel::send(std::size_t from, const Transmit& transmit, ByteView datagram) {
  const std::size_t to = 1 - from;
  PathAddresses path{sides_[to].address, transmit.path.local};
  if (from == kClient) {
    path.remote.port = nat_port_;
  }
  SocketAddress target = transmit.path.remote;
  if (to == kClient && target.port == nat_port_) {
    target.port = path.local.port;
  }
  if (wire_.size() < kWireMax && datagram.size() <= path_size_ && target == path.local) {
    wire_.push_back({to, path, transmit.ecn, to_bytes(datagram)});
  }
}

void Duel::deliver(Packet packet) {
  sides_[packet.to].endpoint->handle_datagram(packet.path, packet.ecn, packet.bytes, now_);
  pump(packet.to);
}

void Duel::deliver_all() {
  for (int i = 0; i < 4'000 && !wire_.empty(); ++i) {
    Packet packet = std::move(wire_.front());
    wire_.pop_front();
    now_ += kMillisecond;
    deliver(std::move(packet));
  }
}

void Duel::inject(std::size_t to, bool stranger, ByteView datagram) {
  PathAddresses path{sides_[to].address, sides_[1 - to].address};
  if (stranger) {
    path.remote.ip[14] = 9;
  }
  deliver({to, path, 0, to_bytes(datagram)});
}

void Duel::advance(Duration time) {
  const Timestamp end = now_ + time;
  for (int i = 0; i < 1'000; ++i) {
    const Timestamp next = std::min(sides_[kClient].endpoint->next_timeout(),
                                    sides_[kServer].endpoint->next_timeout());
    if (next > end) {
      break;
    }
    now_ = std::max(now_, next);
    for (std::size_t side = 0; side < 2; ++side) {
      if (sides_[side].endpoint->next_timeout() <= now_) {
        sides_[side].endpoint->handle_timeout(now_);
        pump(side);
      }
    }
  }
  now_ = std::max(now_, end);
}

void Duel::settle() {
  testing::forger() = nullptr;
  wire_.clear();
  for (int i = 0;; ++i) {
    const Timestamp next = std::min(sides_[kClient].endpoint->next_timeout(),
                                    sides_[kServer].endpoint->next_timeout());
    if (next == kNever) {
      break;
    }
    I2_ASSERT(i < 20'000);  // else a timer fires without ever getting anywhere
    advance(next > now_ ? next - now_ : 1);
    wire_.clear();
  }
  for (const Side& side : sides_) {
    I2_ASSERT(side.endpoint->connection_count() == 0);
    I2_ASSERT(side.open.empty());
  }
}

std::optional<Connection> Duel::some_connection(std::size_t side, std::uint8_t choice) {
  const auto& open = sides_[side].open;
  return open.empty() ? std::nullopt : sides_[side].endpoint->find(open[choice % open.size()]);
}

void Duel::step(Input& input) {
  const std::uint8_t kind = input.u8();
  if (kind < 0x80) {
    network_step(input, kind);
  } else {
    application_step(input, kind);
  }
}

void Duel::network_step(Input& input, std::uint8_t kind) {
  switch (kind % 13) {
    case 0:
    case 1: {
      if (wire_.empty()) {
        break;
      }
      Packet packet = std::move(wire_.front());
      wire_.pop_front();
      deliver(std::move(packet));
      break;
    }
    case 2:
      if (!wire_.empty()) {
        wire_.erase(wire_.begin() + input.u8() % static_cast<int>(wire_.size()));
      }
      break;
    case 3: {  // another one first, and perhaps again later
      if (wire_.empty()) {
        break;
      }
      const std::uint8_t choice = input.u8();
      deliver(Packet(wire_[choice % wire_.size()]));
      break;
    }
    case 4: {
      if (wire_.empty()) {
        break;
      }
      Bytes& bytes = wire_.front().bytes;
      const std::uint16_t at = input.u16();
      bytes[at % bytes.size()] ^= input.u8();
      break;
    }
    case 5:
      if (!wire_.empty()) {
        Bytes& bytes = wire_.front().bytes;
        bytes.resize(1 + input.u16() % bytes.size());
      }
      break;
    case 6:
      advance(input.u16() * kMillisecond);
      break;
    case 7: {
      const std::uint8_t flags = input.u8();
      inject(flags & 1, (flags & 2) != 0, input.take(input.u16()));
      break;
    }
    case 8: {
      const std::uint8_t flags = input.u8();
      testing::forger() = [wanted = to_bytes(input.take(1 + input.u8())),
                           handshake_too = (flags & 1) != 0](bool long_header,
                                                             MutableByteView frames) mutable {
        if (!wanted.empty() && (!long_header || handshake_too)) {
          testing::replace_frames(frames, wanted);
          wanted.clear();
        }
      };
      break;
    }
    case 9: {  // the client's address changes, for one datagram or from now on
      const auto port = static_cast<std::uint16_t>(1 + input.u8());
      if (!wire_.empty() && wire_.front().to == kServer) {
        wire_.front().path.remote.port = port;
      }
      nat_port_ = port > 0x80 ? port : nat_port_;
      break;
    }
    case 10:
      if (!wire_.empty()) {
        wire_.front().ecn = input.u8() & 3;
      }
      break;
    case 11:  // the path carries more or less from now on
      path_size_ = 1'200 + input.u16();
      break;
    default:
      start(input.u8() & 1);
      break;
  }
}

void Duel::application_step(Input& input, std::uint8_t kind) {
  const std::size_t side = kind & 1;
  const std::uint8_t choice = input.u8();
  auto connection = some_connection(side, choice);
  if (!connection) {
    return;
  }
  if ((kind & 0x40) != 0) {
    rare_step(side, *connection, kind);
    pump(side);
    return;
  }
  switch (kind >> 1 & 0x0f) {
    case 0:
      if (const auto id =
              connection->open_stream(static_cast<StreamType>(choice >> 1), (choice & 1) != 0)) {
        sides_[side].streams.emplace_back(connection->handle(), *id);
      }
      break;
    case 1:
      (void)connection->send_datagram(Chunk(Bytes(input.u16() % 2'000, choice)));
      break;
    case 2:
      (void)connection->take_datagram();
      break;
    case 3:
      (void)connection->ping(choice, now_);
      break;
    case 4:
      while (connection->take_pong()) {
      }
      break;
    case 5:
      connection->close(choice, "fuzz");
      break;
    default:
      stream_step(side, input, static_cast<std::uint8_t>(kind >> 1 & 0x0f));
      break;
  }
  pump(side);
}

void Duel::rare_step(std::size_t side, Connection connection, std::uint8_t kind) {
  switch (kind >> 1 & 3) {
    case 0:
      (void)connection.update_keys(now_);
      break;
    case 1:
      if (connection.is_client()) {
        (void)connect(connection.take_token());
      }
      break;
    case 2:
      I2_ASSERT(connection.export_keying_material("EXPORTER-x", {}, 32));
      break;
    default:
      sides_[side].endpoint->shut_down();
      break;
  }
}

void Duel::stream_step(std::size_t side, Input& input, std::uint8_t kind) {
  auto& streams = sides_[side].streams;
  if (streams.empty()) {
    return;
  }
  const std::size_t index = input.u8() % streams.size();
  const auto [handle, id] = streams[index];
  auto connection = sides_[side].endpoint->find(handle);
  I2_ASSERT(connection);
  switch (kind) {
    case 6:
    case 7:
    case 8:
      (void)connection->write(id, Chunk(Bytes(input.u16() % 8'192, 0x5a)), kind == 8);
      break;
    case 9:
    case 10:
      if (const auto result = connection->read(id, 1 + input.u16())) {
        I2_ASSERT(!result->finished || !result->reset);
      }
      break;
    case 11:
      connection->reset_stream(id, 1);
      break;
    case 12:
      connection->stop_sending(id, 2);
      break;
    case 13:
      connection->release_stream(id);
      streams.erase(streams.begin() + static_cast<std::ptrdiff_t>(index));
      break;
    case 14:
      connection->set_priority(id, input.u8());
      break;
    default:
      connection->want_writable(id);
      connection->want_acknowledged(id);
      break;
  }
}

}  // namespace i2::stoq::core::fuzz
