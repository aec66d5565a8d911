#include <i2/base/assert.h>
#include <i2/stoq/core/testing/network.h>
#include <i2/wire/reader.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <tuple>

namespace i2::stoq::core::testing {

std::uint64_t SeededRng::next() {
  state_ += 0x9e3779b97f4a7c15u;
  std::uint64_t value = state_;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

void SeededRng::fill(MutableByteView out) {
  for (std::uint8_t& byte : out) {
    byte = static_cast<std::uint8_t>(next() >> 32);
  }
}

Network::Network(std::uint64_t seed, UnixMillis unix_start) : unix_start_(unix_start), rng_(seed) {}

std::size_t Network::add_host(const EndpointConfig& config, std::shared_ptr<TlsContext> tls,
                              const TestNode& node, const ports::PeerVerifier& verifier) {
  auto host = std::make_unique<Host>();
  host->address.ip = {0xfd, 0, 0, 0x12};
  host->address.ip[14] = static_cast<std::uint8_t>((hosts_.size() + 1) >> 8);
  host->address.ip[15] = static_cast<std::uint8_t>(hosts_.size() + 1);
  host->address.port = 9292;
  host->outside = host->address;
  origins_.push_back(
      {config, std::move(tls), &node, &verifier, std::make_unique<SeededRng>(rng_.next())});
  host->endpoint = make_endpoint(origins_.back());
  by_address_[host->outside] = hosts_.size();
  hosts_.push_back(std::move(host));
  return hosts_.size() - 1;
}

std::unique_ptr<Endpoint> Network::make_endpoint(const Origin& origin) {
  return std::make_unique<Endpoint>(origin.config, origin.tls, *origin.node, *origin.verifier,
                                    *origin.rng, now_, unix_now());
}

void Network::restart(std::size_t index) {
  hosts_[index]->endpoint.reset();
  hosts_[index]->endpoint = make_endpoint(origins_[index]);
}

void Network::rebind(std::size_t index, const SocketAddress& outside) {
  by_address_.erase(hosts_[index]->outside);
  hosts_[index]->outside = outside;
  by_address_[outside] = index;
}

Result<ConnectionHandle> Network::connect(std::size_t from, std::size_t to,
                                          Endpoint::ConnectOptions options) {
  return hosts_[from]->endpoint->connect({hosts_[from]->address, hosts_[to]->outside},
                                         std::move(options), now_);
}

void Network::send(std::size_t from, const Transmit& transmit, ByteView bytes) {
  const auto target = by_address_.find(transmit.path.remote);
  while (!bytes.empty()) {
    const ByteView datagram = bytes.first(std::min(bytes.size(), transmit.segment_size));
    bytes = bytes.subspan(datagram.size());
    Bytes header;
    wire::Writer writer(header);
    writer.u64(now_);
    writer.u64(from);
    writer.bytes(transmit.path.remote.ip);
    writer.u64(datagram.size());
    trace_.update(header);
    trace_.update(datagram);
    ++sequence_;
    if (target == by_address_.end() || datagram.size() > link.mtu ||
        (filter && !filter(from, target->second, datagram)) || rng_.chance(link.loss_per_million)) {
      continue;
    }
    Bytes copy = to_bytes(datagram);
    if (rng_.chance(link.corrupt_per_million)) {
      copy[rng_.next() % copy.size()] ^= static_cast<std::uint8_t>(1 + rng_.next() % 255);
    }
    const auto shared = std::make_shared<const Bytes>(std::move(copy));
    const std::uint8_t ecn = mark ? mark(transmit.ecn) : transmit.ecn;
    const int copies = rng_.chance(link.duplicate_per_million) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const Duration jitter = link.jitter == 0 ? 0 : rng_.next() % link.jitter;
      in_flight_.push({now_ + link.delay + jitter, sequence_, hosts_[from]->outside, target->second,
                       ecn, shared});
    }
  }
}

void Network::inject(const SocketAddress& from, std::size_t to, ByteView datagram) {
  in_flight_.push({now_ + link.delay, ++sequence_, from, to, 0,
                   std::make_shared<const Bytes>(to_bytes(datagram))});
}

void Network::drain(std::size_t index) {
  Host& host = *hosts_[index];
  sending_ = index;
  for (bool progress = true; progress;) {
    progress = false;
    while (const auto event = host.endpoint->poll_event()) {
      progress = true;
      host.events.push_back(*event);
      if (event->kind == EventKind::kHelloSignatureWanted && !speechless.contains(index)) {
        if (auto connection = host.endpoint->find(event->connection)) {
          origins_[index].node->sign_hello(to_bytes(connection->hello_to_sign()),
                                           [&](Result<Bytes> made) {
                                             I2_ASSERT(made);
                                             connection->provide_hello_signature(*made);
                                           });
        }
      }
      if (on_event) {
        on_event(index, *event);
      }
      if (event->kind == EventKind::kClosed) {
        host.endpoint->forget(event->connection);
      }
    }
    while (const auto transmit = host.endpoint->poll_transmit(buffer_, now_)) {
      progress = true;
      send(index, *transmit, ByteView(buffer_).first(transmit->size));
    }
  }
}

bool Network::run_until(const std::function<bool()>& done, Duration limit) {
  const Timestamp end = now_ + limit;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    drain(i);
  }
  for (;;) {
    if (done()) {
      return true;
    }
    Timestamp next = in_flight_.empty() ? kNever : in_flight_.top().at;
    for (const auto& host : hosts_) {
      next = std::min(next, host->endpoint->next_timeout());
    }
    if (next > end) {
      now_ = end;
      return done();
    }
    now_ = std::max(now_, next);
    while (!in_flight_.empty() && in_flight_.top().at <= now_) {
      const Packet packet = in_flight_.top();
      in_flight_.pop();
      hosts_[packet.to]->endpoint->handle_datagram({hosts_[packet.to]->address, packet.from},
                                                   packet.ecn, *packet.bytes, now_);
      drain(packet.to);
    }
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      if (hosts_[i]->endpoint->next_timeout() <= now_) {
        hosts_[i]->endpoint->handle_timeout(now_);
        drain(i);
      }
    }
  }
}

Hash256 Network::trace() {
  return trace_.finish();
}

void make_ageless(const TlsSession& session) {
  SSL_SESSION_set_time_ex(session.get(),
                          time_t{1} << 40);  // in the future: the age is clamped to 0
}

}  // namespace i2::stoq::core::testing
