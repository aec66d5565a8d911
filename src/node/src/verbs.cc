// The verbs that tell about the node and its peers.
#include "verbs.h"

#include <i2/node/addresses.h>
#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "expiries.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

using nlohmann::json;

constexpr std::string_view kDirect = "direct";

std::uint64_t microseconds(Duration duration) {
  return duration / kMicrosecond;
}

constexpr std::string_view name_of(PeerState state) {
  switch (state) {
    case PeerState::kConnected:
      return "connected";
    case PeerState::kConnecting:
      return "connecting";
    case PeerState::kUnreachable:
      return "unreachable";
    case PeerState::kUnknownAddress:
      return "unknown_address";
  }
  return "unknown_address";
}

bool is_link_local(const stoq::SocketAddress& address) {
  return address.ip[0] == 0xfe && (address.ip[1] & 0xc0) == 0x80;  // RFC 4291 §2.5.6
}

std::string why_direct(const Link& link) {
  std::string out = "the address answers directly";
  if (link.remote.is_loopback()) {
    out = "same machine";
  } else if (is_link_local(link.remote)) {
    out = "same LAN";
  } else {
    stoq::SocketAddress any;
    for (const auto& own : reachable_addresses(any)) {
      // Interfaces get a /64 (RFC 4291 §2.5.1): the same one means the same link.
      if (std::equal(own.ip.begin(), own.ip.begin() + 8, link.remote.ip.begin())) {
        out = "same LAN";
      }
    }
  }
  return out + (link.outgoing ? ", opened by this node" : ", opened by the peer");
}

// As a client on this machine writes it.
json http_json(std::optional<stoq::SocketAddress> address) {
  if (!address) {
    return nullptr;
  }
  if (address->ip == decltype(address->ip){}) {
    address->ip.back() = 1;
  }
  return address->to_string();
}

json certificate_json(const fleet::TrustStore& trust, const fleet::OrdinaryCertificates& ordinary,
                      UnixMillis now) {
  json all = json::array();
  for (const Expiry& one : expiries(trust, ordinary)) {
    all.push_back({{"certificate", one.certificate},
                   {"expires", format_time(one.not_after)},
                   {"ending", is_ending(one, now)}});
  }
  json out{{"nearest_expiry", all.front()["expires"]},
           {"nearest", all.front()["certificate"]},
           {"expired", trust.current()->certificate.not_after() <= now},
           {"renewal", format_time(trust.renewal_time())},
           {"authority", trust.can_issue(now)}};
  out["all"] = std::move(all);
  return out;
}

}  // namespace

std::string to_line(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json peer_json(const Link& link) {
  return {{"id", link.peer.hex()}, {"name", link.name}};
}

Task<LinkFacts> facts_of(stoq::Connection connection) {
  co_return LinkFacts{.path = connection.path(), .security = connection.security()};
}

Verbs::Verbs(Parts parts) : parts_(std::move(parts)), started_(parts_.clock.now()) {}

void Verbs::attach(AdminServer& server) {
  const auto add = [&](std::string verb, std::vector<std::string_view> arguments,
                       Task<Result<std::string>> (Verbs::*handler)(AdminCallPtr)) {
    server.add(std::move(verb), std::move(arguments),
               [this, handler](AdminCallPtr call) { return (this->*handler)(std::move(call)); });
  };
  add("status", {}, &Verbs::status);
  add("peers", {}, &Verbs::peers);
  add("path", {"peer"}, &Verbs::path);
  add("ping", {"peer", "count", "interval_ms"}, &Verbs::ping);
  add("send", {"peer", "name"}, &Verbs::send);
  add("recv", {"wait"}, &Verbs::recv);
  add("bench", {"peer", "streams", "duration_ms", "datagram"}, &Verbs::bench);
  add("reload", {}, &Verbs::reload);
  add("config_reload", {}, &Verbs::config_reload);
  add("config_show", {}, &Verbs::config_show);
  add("metrics", {"format"}, &Verbs::metrics);
  add("health", {}, &Verbs::health);
}

Task<Result<std::string>> Verbs::status(AdminCallPtr) {
  const UnixMillis now = parts_.clock.unix_now();
  const auto members = parts_.trust.members();
  const auto chain = parts_.fleet.ledger().chain();
  I2_CO_TRY_VALUE(const fleet::EpochRecord epoch, fleet::FleetState(chain->state).epoch());
  const std::size_t validators = epoch.validators.size();
  const bool member = members->find(parts_.trust.node_id()) != nullptr;
  const trustchain::TrustState trust(chain->state);
  I2_CO_TRY_VALUE(const auto log, trust.log());
  json certificates = certificate_json(parts_.trust, parts_.ordinary, now);
  json addresses = json::array();
  for (const auto& address : reachable_addresses(parts_.transport.local_address())) {
    addresses.push_back(address.to_string());
  }
  const telemetry::HealthReport health = parts_.layers.health();
  const stoq::TransportStats stats = co_await parts_.transport.stats();
  co_return to_line({{"node",
                      {{"id", parts_.trust.node_id().hex()},
                       {"short_id", wire::short_id(parts_.trust.node_id())},
                       {"name", parts_.trust.name()},
                       {"addresses", std::move(addresses)}}},
                     {"fleet",
                      {{"chain_id", parts_.trust.chain_id().hex()},
                       {"name", members->genesis().fleet_name},
                       {"members", members->size()},
                       {"proof_policy", members->genesis().parameters.proof_policy}}},
                     {"health", telemetry::name_of(health.overall())},
                     {"layers", json::parse(telemetry::to_json(health))["layers"]},
                     {"peers",
                      {{"connected", parts_.peers.links().size()},
                       {"known", members->size() - (member ? 1 : 0)}}},
                     {"certificates", std::move(certificates)},
                     {"trust",
                      {{"log", log ? json(log->origin) : json()},
                       {"indexed", trust.indexed_count()},
                       {"revoked", trust.revoked_count()},
                       {"revoked_accounts", trust.revoked_account_count()}}},
                     {"consensus",
                      {{"engine", validators > 1 ? "embedded" : "solo"},
                       {"validators", validators},
                       {"tolerates", fleet::tolerated(epoch)},
                       {"orders", parts_.fleet.orders()},
                       {"height", chain->head.height},
                       {"app_hash", to_hex(chain->head.state)}}},
                     {"transport",
                      {{"bind", parts_.transport.local_address().to_string()},
                       {"connections", stats.connections},
                       {"bytes_sent", stats.bytes_sent},
                       {"bytes_received", stats.bytes_received}}},
                     {"http", http_json(parts_.http)},
                     {"uptime_seconds", (parts_.clock.now() - started_) / kSecond},
                     {"version", I2_VERSION}});
}

Task<Result<std::string>> Verbs::peers(AdminCallPtr) {
  json out = json::array();
  for (const PeerView& peer : parts_.peers.view()) {
    json entry{{"id", peer.id.hex()},
               {"short_id", wire::short_id(peer.id)},
               {"name", peer.name},
               {"address", peer.address ? json(peer.address->to_string()) : json()},
               {"state", name_of(peer.state)},
               {"rtt_us", nullptr}};
    if (peer.link != nullptr) {
      const LinkUse use(peer.link);
      const LinkFacts facts =
          co_await on_link(use->connection.executor(), facts_of(use->connection));
      entry["rtt_us"] = microseconds(facts.path.smoothed_rtt);
      entry["opened_by"] = use->outgoing ? "this node" : "peer";
      entry["since_seconds"] = (parts_.clock.now() - use->since) / kSecond;
    } else if (peer.last_error) {
      entry["error"] = {{"code", peer.last_error->code()}, {"message", peer.last_error->message()}};
    }
    out.push_back(std::move(entry));
  }
  co_return to_line({{"peers", std::move(out)}});
}

Task<Result<std::string>> Verbs::path(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string target, call->request.text("peer"));
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(std::move(target)));
  const LinkFacts facts = co_await on_link(link->connection.executor(), facts_of(link->connection));
  co_return to_line({{"peer", peer_json(*link)},
                     {"kind", kDirect},
                     {"address", facts.path.addresses.remote.to_string()},
                     {"rtt_us", microseconds(facts.path.smoothed_rtt)},
                     {"rtt_min_us", microseconds(facts.path.minimum_rtt)},
                     {"mtu", facts.path.mtu},
                     {"congestion_window", facts.path.congestion_window},
                     {"kex", facts.security.key_exchange},
                     {"auth", facts.security.authentication},
                     {"cipher", facts.security.cipher},
                     {"tier", nullptr},
                     {"hops", json::array()},
                     {"why", why_direct(*link)}});
}

Task<Result<std::string>> Verbs::ping(AdminCallPtr call) {
  I2_CO_TRY_VALUE(std::string target, call->request.text("peer"));
  I2_CO_TRY_VALUE(const auto count, call->request.integer("count", 1, 1, 100'000));
  I2_CO_TRY_VALUE(const auto interval, call->request.integer("interval_ms", 1'000, 0, 60'000));
  I2_CO_TRY_VALUE(const LinkUse link, co_await parts_.peers.reach(std::move(target)));
  std::vector<Duration> times;
  for (std::int64_t i = 0; i < count && !call->stop.stop_requested(); ++i) {
    if (i > 0) {
      Wakeup pause(parts_.runtime.control());
      const std::stop_callback end(call->stop, [&pause] { pause.wake(); });
      co_await pause.wait(static_cast<Duration>(interval) * kMillisecond);
    }
    I2_CO_TRY_VALUE(const Duration time,
                    co_await on_link(link->connection.executor(), link->connection.ping()));
    times.push_back(time);
    call->progress(to_line({{"sequence", i + 1}, {"rtt_us", microseconds(time)}}));
  }
  if (times.empty()) {
    co_return fail("stoq.cancelled", "the command was taken back");
  }
  Duration sum = 0;
  json all = json::array();
  for (const Duration time : times) {
    sum += time;
    all.push_back(microseconds(time));
  }
  const auto [least, most] = std::ranges::minmax(times);
  co_return to_line({{"peer", peer_json(*link)},
                     {"address", link->remote.to_string()},
                     {"count", times.size()},
                     {"rtt_us",
                      {{"min", microseconds(least)},
                       {"avg", microseconds(sum / times.size())},
                       {"max", microseconds(most)}}},
                     {"rtts_us", std::move(all)}});
}

Task<Result<std::string>> Verbs::reload(AdminCallPtr) {
  I2_CO_TRY_VALUE(const std::size_t count, co_await parts_.replication.reload());
  co_return to_line({{"members", count}});
}

}  // namespace i2::node
