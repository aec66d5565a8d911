#include "peers.h"

#include <i2/node/addresses.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <format>

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::size_t kKnownMax = 1'024;
constexpr std::size_t kAddressesMax = 4;  // of one peer
constexpr std::size_t kLinksMax = 4;      // of one peer
constexpr Duration kBackOffMin = 500 * kMillisecond;
constexpr Duration kBackOffMax = 30 * kSecond;
constexpr Duration kPatienceMin = 250 * kMillisecond;
constexpr Duration kProbeStep = 50 * kMillisecond;
constexpr Duration kRetireTime = 3 * kSecond;
constexpr Duration kPartingTime = kSecond;

Task<stoq::SocketAddress> remote_address(stoq::Connection connection) {
  co_return connection.path().addresses.remote;
}

}  // namespace

Peers::Peers(Parts parts) : parts_(std::move(parts)) {}

void Peers::start() {
  for (const fleet::PeerHint& hint : parts_.trust.peers()) {
    learn(hint.node_id, to_address(hint));
  }
  read_cache();
  parts_.tasks.spawn(parts_.runtime.control(), accept_all());
}

void Peers::stop() {
  stopping_ = true;
  for (const auto& [id, known] : known_) {
    known->wakeup.wake();
  }
}

Task<> Peers::accept_all() {
  for (;;) {
    auto connection = co_await parts_.transport.accept();
    if (!connection) {
      co_return;
    }
    parts_.tasks.spawn(parts_.runtime.control(), adopt_incoming(std::move(*connection)));
  }
}

Task<> Peers::adopt_incoming(stoq::Connection connection) {
  const auto adopted = co_await adopt(std::move(connection), false);
  if (!adopted) {
    parts_.log.debug("stoq", "refused", adopted.error().to_string());
  }
}

Task<> Peers::keep(KnownPtr known) {
  std::size_t failures = 0;
  while (!stopping_) {
    if (link_to(known->id) != nullptr) {
      failures = 0;
      co_await known->wakeup.wait(kNever);
    } else if (known->addresses.empty()) {
      co_await known->wakeup.wait(kNever);
    } else {
      const auto link = co_await dial(known);
      if (!link && !stopping_) {
        co_await known->wakeup.wait(back_off(failures++));
      }
    }
  }
}

// One attempt at a time; whoever comes meanwhile waits for its outcome.
Task<Result<LinkPtr>> Peers::dial(KnownPtr known) {
  if (known->dialling) {
    while (known->dialling) {
      co_await known->dialled.wait();
    }
    if (auto link = link_to(known->id)) {
      co_return link;
    }
    co_return fail(known->last_error.value_or(
        Error("node.peer_no_address", "no address of this peer is known")));
  }
  known->dialling = true;
  Result<LinkPtr> out = fail("node.peer_no_address", "no address of this peer is known");
  for (const stoq::SocketAddress& address : std::vector(known->addresses)) {
    if (stopping_) {
      out = fail("node.stopping", "the daemon is stopping");
      break;
    }
    out = co_await connect(address);
    if (out && (*out)->peer == known->id) {
      break;
    }
    const bool someone_else = out.has_value() || out.error().is("node.peer_self");
    if (someone_else) {
      std::erase(known->addresses, address);
      out =
          fail("node.peer_no_address", address.to_string() + " is now the address of another node");
    }
  }
  known->dialling = false;
  if (out) {
    known->last_error.reset();
  } else if (!stopping_) {
    log_failure(*known, out.error());
  }
  known->dialled.notify();
  co_return out;
}

void Peers::log_failure(Known& known, const Error& error) {
  const bool repeated = known.last_error && known.last_error->code() == error.code();
  const fleet::MemberInfo* member = nullptr;
  const auto members = parts_.trust.members();
  member = members->find(known.id);
  parts_.log.write(repeated ? LogLevel::kDebug : LogLevel::kWarning, "stoq", "peer_unreachable",
                   error.message(),
                   {{"peer", member != nullptr ? member->name : wire::short_id(known.id)},
                    {"error", error.code()}});
  known.last_error = error;
}

Task<Result<LinkPtr>> Peers::connect(stoq::SocketAddress address) {
  // Not resumed: an earlier handshake vouches for the leaves of that time, and either side may have
  // a new one since, to which its HELLO is bound.
  const auto shown = parts_.trust.current();
  auto connection = co_await parts_.transport.connect(address, {.resume = false});
  if (!connection) {
    co_return fail(std::move(connection).error());
  }
  // The peer has not seen this node's certificate yet; one that refuses it does not answer.
  const auto pong =
      co_await asio::co_spawn(connection->executor(), connection->ping(), asio::use_awaitable);
  if (!pong) {
    co_return fail(pong.error());
  }
  // Renewed on the way: the peer has seen the one of before and may hold this node to it.
  if (parts_.trust.current() != shown) {
    asio::post(connection->executor(),
               [last = *connection]() mutable { last.close(stoq::AppError::kNone); });
    co_return co_await connect(address);
  }
  co_return co_await adopt(std::move(*connection), true);
}

// peer(), renewal_only() and is_client() never change once a connection has been handed out, so
// they may be read here; everything else is asked for on the connection's executor.
Task<Result<LinkPtr>> Peers::adopt(stoq::Connection connection, bool outgoing) {
  const auto executor = connection.executor();
  auto link = std::make_shared<Link>();
  link->connection = connection;
  link->peer = connection.peer().node_id;
  link->name = connection.peer().name;
  link->leaf = connection.peer().leaf;
  link->outgoing = outgoing;
  link->shown = connection.local_leaf();
  link->shown_expired = link->shown.not_after() <= parts_.clock.unix_now();
  link->since = parts_.clock.now();
  link->remote = co_await asio::co_spawn(executor, remote_address(connection), asio::use_awaitable);
  if (link->peer == parts_.trust.node_id()) {
    if (outgoing) {  // the other half is ours too, and ends with this one
      close(link, stoq::AppError::kNone);
    }
    co_return fail("node.peer_self", link->remote.to_string() + " is this node itself");
  }
  // Renewed during the handshake: the peer holds this node to the certificate of before.
  if (link->shown_expired && link->shown.serial() != parts_.trust.current()->certificate.serial()) {
    close(link, stoq::AppError::kNone);
    co_return fail("trust.leaf_expired", "this node has renewed its certificate meanwhile");
  }
  if (connection.renewal_only()) {
    const bool expired = connection.leaf_standing() == ports::LeafStanding::kExpired;
    if (expired) {
      parts_.log.info("trust", "peer_leaf_expired",
                      "the peer's certificate has expired: it may only renew it",
                      {{"peer", link->name}, {"address", link->remote.to_string()}});
    } else {
      parts_.log.info("trust", "peer_leaf_unlogged",
                      "the peer's certificate is not in the log: it may only renew it",
                      {{"peer", link->name}, {"address", link->remote.to_string()}});
    }
    parts_.tasks.spawn(executor, serve_renewal(std::move(connection)));
    co_return fail(expired ? ErrorCode("trust.leaf_expired") : ErrorCode("trust.sct_missing"),
                   "the certificate of '" + link->name +
                       (expired ? "' has expired" : "' is not in the fleet's log") +
                       "; it has to be renewed first");
  }
  // The handshake may have begun before a block made it a former member or revoked its leaf.
  const auto members = parts_.trust.members();
  if (members->find(link->peer) == nullptr) {
    close(link, stoq::AppError::kMemberRevoked);
    co_return fail("trust.member_revoked", "'" + link->name + "' is no longer a member");
  }
  if (const auto good = members->check_revocation(link->peer, link->leaf); !good) {
    close(link, stoq::AppError::kCertificateRevoked);
    co_return fail(good.error());
  }
  if (connection.peer().pin_missed) {
    parts_.log.warning("trust", "peer_pin_missed",
                       "the peer's certificate is of another authority than it is pinned to",
                       {{"peer", link->name}});
  }
  if (stopping_) {
    close(link, stoq::AppError::kGoingAway);
    co_return fail("node.stopping", "the daemon is stopping");
  }
  auto& of_peer = links_[link->peer];  // never left empty
  if (of_peer.size() >= kLinksMax) {
    close(link, stoq::AppError::kOverloaded);
    co_return fail("stoq.overloaded", "too many connections to '" + link->name + "'");
  }
  of_peer.push_back(link);
  parts_.tasks.spawn(executor, serve(link));
  if (of_peer.size() > 1) {
    parts_.tasks.spawn(parts_.runtime.control(), resolve_duplicates(link->peer));
  }
  parts_.log.info("stoq", "peer_up", outgoing ? "connected" : "accepted",
                  {{"peer", link->name},
                   {"id", wire::short_id(link->peer)},
                   {"address", link->remote.to_string()}});
  remember_address(*known(link->peer), link->remote, true);
  for (const auto& callback : link_callbacks_) {
    callback(link);
  }
  co_return link;
}

// On the connection's executor, like everything the dispatcher runs.
Task<> Peers::serve(LinkPtr link) {
  co_await parts_.dispatcher.serve(link->connection);
  const Error why = co_await link->connection.closed();
  co_await rt::switch_to(parts_.runtime.control());
  remove(link, why);
}

Task<> Peers::serve_renewal(stoq::Connection connection) {
  co_await parts_.dispatcher.serve(std::move(connection));
}

void Peers::remove(const LinkPtr& link, const Error& why) {
  const auto of_peer = links_.find(link->peer);
  if (of_peer != links_.end()) {
    std::erase(of_peer->second, link);
    if (of_peer->second.empty()) {
      links_.erase(of_peer);
    }
  }
  parts_.log.info("stoq", "peer_down", why.message(),
                  {{"peer", link->name},
                   {"id", wire::short_id(link->peer)},
                   {"address", link->remote.to_string()},
                   {"reason", why.code()}});
  if (const auto found = known_.find(link->peer); found != known_.end()) {
    found->second->wakeup.wake();
  }
}

bool Peers::opened_by_smaller_id(const Link& link) const {
  return link.outgoing == (parts_.trust.node_id() < link.peer);
}

// Both ends agree on the first three; the last matters only to the opener of both.
bool Peers::is_better(const Link& a, const Link& b) const {
  if (a.retired != b.retired) {
    return b.retired;
  }
  if (a.answered != b.answered) {
    return a.answered;
  }
  if (opened_by_smaller_id(a) != opened_by_smaller_id(b)) {
    return opened_by_smaller_id(a);
  }
  return a.since < b.since;
}

LinkPtr Peers::link_to(const NodeId& peer) const {
  const auto of_peer = links_.find(peer);
  if (of_peer == links_.end()) {
    return nullptr;
  }
  return *std::ranges::min_element(
      of_peer->second, [this](const LinkPtr& a, const LinkPtr& b) { return is_better(*a, *b); });
}

std::vector<LinkPtr> Peers::links() const {
  std::vector<LinkPtr> out;
  for (const auto& [id, of_peer] : links_) {
    out.push_back(link_to(id));
  }
  return out;
}

// Eight round trips: enough for a loss or two, and for what waits in front of the PING.
Task<> Peers::probe(LinkPtr link) {
  link->patience = std::clamp(8 * link->connection.path().smoothed_rtt, kPatienceMin, kPatienceMax);
  const auto answer = co_await link->connection.ping();
  co_await rt::switch_to(parts_.runtime.control());
  link->answered = answer.has_value();
}

Task<> Peers::resolve_duplicates(NodeId peer) {
  if (!resolving_.insert(peer).second) {
    co_return;
  }
  std::vector<LinkPtr> seen;
  while (!stopping_ && links_.contains(peer) && links_.at(peer) != seen &&
         links_.at(peer).size() > 1) {
    seen = links_.at(peer);
    for (const LinkPtr& link : seen) {
      link->answered = link == seen.back();  // the handshake was its answer
      parts_.tasks.spawn(link->connection.executor(), probe(link));
    }
    const Timestamp begin = parts_.clock.now();
    const auto may_answer = [&](const LinkPtr& link) {
      return !link->answered && parts_.clock.now() < begin + link->patience;
    };
    do {
      co_await rt::sleep_for(std::chrono::nanoseconds(kProbeStep));
    } while (!stopping_ && std::ranges::any_of(seen, may_answer));
    LinkPtr kept;
    for (const LinkPtr& link : seen) {
      if (!link->answered) {
        close(link, stoq::AppError::kNone);
      } else if (kept == nullptr || is_better(*link, *kept)) {
        kept = link;
      }
    }
    for (const LinkPtr& link : seen) {
      if (link != kept && link->answered && link->outgoing && !link->retired) {
        link->retired = true;
        parts_.tasks.spawn(parts_.runtime.control(), retire(link));
      }
    }
  }
  resolving_.erase(peer);
}

// The peer may have begun something on it before it saw the other connection: not closed at once.
Task<> Peers::retire(LinkPtr link) {
  do {
    co_await rt::sleep_for(std::chrono::nanoseconds(kRetireTime));
  } while (link->users > 0 && !stopping_);
  close(link, stoq::AppError::kNone);
}

void Peers::close(const LinkPtr& link, stoq::AppError code) {
  asio::post(link->connection.executor(),
             [connection = link->connection, code]() mutable { connection.close(code); });
}

void Peers::drop_refused() {
  const auto members = parts_.trust.members();
  for (const auto& [id, of_peer] : links_) {
    if (members->find(id) != nullptr) {
      for (const LinkPtr& link : of_peer) {
        if (const auto good = members->check_revocation(id, link->leaf); !good) {
          parts_.log.warning("trust", "peer_revoked", good.error().message(),
                             {{"peer", link->name}});
          close(link, stoq::AppError::kCertificateRevoked);
        }
      }
      continue;
    }
    const auto* former = members->find_revoked(id);
    const bool left = former != nullptr && former->how == fleet::Departure::kLeft;
    for (const LinkPtr& link : of_peer) {
      if (left) {
        parts_.tasks.spawn(parts_.runtime.control(), part_with(link));
      } else {
        close(link, stoq::AppError::kMemberRevoked);
      }
    }
  }
  for (const auto& [id, known] : known_) {
    if (members->find_revoked(id) != nullptr) {
      known->addresses.clear();
    }
  }
}

Task<> Peers::part_with(LinkPtr link) {
  co_await rt::sleep_for(std::chrono::nanoseconds(kPartingTime));
  close(link, stoq::AppError::kMemberRevoked);
}

void Peers::reconnect() {
  for (const auto& [id, of_peer] : links_) {
    for (const LinkPtr& link : of_peer) {
      if (link->outgoing || link->shown_expired) {
        close(link, stoq::AppError::kNone);
      }
    }
  }
}

void Peers::limited(const LinkPtr& link) {
  if (parts_.trust.current()->certificate.serial() != link->shown.serial()) {
    close(link, stoq::AppError::kNone);
  }
}

Duration Peers::back_off(std::size_t failures) {
  const Duration base = std::min(kBackOffMax, kBackOffMin << std::min<std::size_t>(failures, 16));
  return base * 3 / 4 + parts_.rng.next_u64() % (base / 2);
}

Peers::KnownPtr Peers::known(const NodeId& peer) {
  auto& entry = known_[peer];
  if (entry == nullptr) {
    entry = std::make_shared<Known>(peer, parts_.runtime.control());
    parts_.tasks.spawn(parts_.runtime.control(), keep(entry));
  }
  return entry;
}

void Peers::learn(const NodeId& peer, const stoq::SocketAddress& address) {
  if (stopping_ || peer == parts_.trust.node_id() ||
      parts_.trust.members()->find_revoked(peer) != nullptr ||
      (known_.size() >= kKnownMax && !known_.contains(peer))) {
    return;
  }
  remember_address(*known(peer), address, false);
}

// What worked last comes first; the oldest hint is forgotten.
void Peers::remember_address(Known& known, const stoq::SocketAddress& address, bool works) {
  const bool is_new = std::ranges::find(known.addresses, address) == known.addresses.end();
  if (!is_new && (!works || known.addresses.front() == address)) {
    return;
  }
  std::erase(known.addresses, address);
  known.addresses.insert(works ? known.addresses.begin() : known.addresses.end(), address);
  if (known.addresses.size() > kAddressesMax) {
    known.addresses.pop_back();
  }
  known.wakeup.wake();
  if (works) {
    write_cache();
  }
}

std::vector<fleet::PeerHint> Peers::connected_hints(bool same_machine) const {
  std::vector<fleet::PeerHint> out;
  for (const auto& [id, of_peer] : links_) {
    const stoq::SocketAddress remote = link_to(id)->remote;
    if (const auto hint = to_hint(id, remote);
        hint && (same_machine || !remote.is_loopback()) && out.size() < fleet::kPeerHintsMax) {
      out.push_back(*hint);
    }
  }
  return out;
}

std::vector<PeerView> Peers::view() const {
  std::vector<PeerView> out;
  const auto members = parts_.trust.members();
  const auto add = [&](const fleet::MemberInfo& member) {
    if (member.node_id == parts_.trust.node_id()) {
      return;
    }
    PeerView view{
        .id = member.node_id, .name = member.name, .address = {}, .link = {}, .last_error = {}};
    view.link = link_to(member.node_id);
    if (const auto found = known_.find(member.node_id); found != known_.end()) {
      const Known& known = *found->second;
      view.last_error = known.last_error;
      if (!known.addresses.empty()) {
        view.address = known.addresses.front();
        view.state =
            known.last_error && !known.dialling ? PeerState::kUnreachable : PeerState::kConnecting;
      }
    }
    if (view.link != nullptr) {
      view.state = PeerState::kConnected;
      view.address = view.link->remote;
      view.last_error.reset();
    }
    out.push_back(std::move(view));
  };
  add(members->genesis().first_member);
  for (const auto& record : members->records()) {
    add(record->info);
  }
  std::ranges::sort(out, {}, &PeerView::name);
  return out;
}

}  // namespace i2::node
