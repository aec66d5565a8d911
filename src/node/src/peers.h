// Connections to the other members: who is connected, where the others may be, and keeping it so.
//
// For every member with a known address one task dials until there is a connection, with back-off
// and jitter, and again when the last one has ended. Addresses come from the bundle, from members
// that dialled this node and from other members; they are hints, the handshake decides who it is.
//
// When two nodes dial each other at once, both see two connections; so they do when a process was
// killed and its successor dials. What has answered a PING since is preferred, what does not answer
// is dropped; of the others the one opened by the node with the smaller id is kept, and the opener
// of another closes it when it is not in use any more.
//
// Everything runs on the control executor. Link::connection is used on its own executor only.
#pragma once

#include <i2/base/rng.h>
#include <i2/fleet/trust_store.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/rt/signal.h>
#include <i2/stoq/services.h>
#include <i2/stoq/transport.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "tasks.h"

namespace i2::node {

inline constexpr Duration kPatienceMax = 2 * kSecond;

// A verified connection to a member.
struct Link {
  stoq::Connection connection;
  NodeId peer;
  std::string name;
  stoq::SocketAddress remote;
  crypto::Certificate leaf;  // the peer's
  bool outgoing = false;
  crypto::Certificate shown;   // this node's
  bool shown_expired = false;  // so that the peer lets it renew at most
  Timestamp since = 0;
  std::size_t users = 0;  // commands that use it now
  bool answered = true;   // the handshake or the last probe; not while one is under way
  // An answer to a probe takes no longer on this link; written on the connection's executor.
  std::atomic<Duration> patience = kPatienceMax;
  bool retired = false;  // another one is kept; closed when nobody uses it
};
// Shared: the table, the task that serves it and the commands that use it.
using LinkPtr = std::shared_ptr<Link>;

// A command's hold on a link: while it lives the link is not closed as a duplicate.
class LinkUse {
 public:
  explicit LinkUse(LinkPtr link) : link_(std::move(link)) { ++link_->users; }
  ~LinkUse() {
    if (link_) {
      --link_->users;
    }
  }
  LinkUse(LinkUse&& other) noexcept : link_(std::move(other.link_)) {}
  LinkUse& operator=(LinkUse&&) = delete;

  [[nodiscard]] Link& operator*() const { return *link_; }
  [[nodiscard]] Link* operator->() const { return link_.get(); }
  [[nodiscard]] const LinkPtr& link() const { return link_; }

 private:
  LinkPtr link_;
};

enum class PeerState : std::uint8_t { kConnected, kConnecting, kUnreachable, kUnknownAddress };

// A member other than this node, as the commands show it.
struct PeerView {
  NodeId id;
  std::string name;
  PeerState state = PeerState::kUnknownAddress;
  std::optional<stoq::SocketAddress> address;
  LinkPtr link;                     // kConnected
  std::optional<Error> last_error;  // of the last attempt
};

class Peers {
 public:
  struct Parts {
    rt::Runtime& runtime;
    stoq::Transport& transport;
    fleet::TrustStore& trust;
    stoq::StreamDispatcher& dispatcher;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    Rng& rng;
    std::filesystem::path cache;  // file of learned addresses; may be lost at any time
  };
  explicit Peers(Parts parts);
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  // Called for every new link.
  void on_link(std::function<void(LinkPtr)> callback) {
    link_callbacks_.push_back(std::move(callback));
  }
  void start();
  // No more dialling and accepting; what is connected stays until the transport shuts down.
  void stop();

  // A connection to `target`: the name of a member, its id (short or full) or [address]:port. Dials
  // when there is none. Errors: node.peer_unknown, node.peer_self, node.peer_no_address, those of
  // Transport::connect().
  [[nodiscard]] Task<Result<LinkUse>> reach(std::string target);
  // The best connection to `peer`, or null.
  [[nodiscard]] LinkPtr link_to(const NodeId& peer) const;
  [[nodiscard]] std::vector<LinkPtr> links() const;
  // By name.
  [[nodiscard]] std::vector<PeerView> view() const;
  // The addresses of connected peers, as hints for somebody else. A loopback address means
  // something to those on this machine only.
  [[nodiscard]] std::vector<fleet::PeerHint> connected_hints(bool same_machine) const;
  // An address at which `peer` may be; dialled when it is not connected.
  void learn(const NodeId& peer, const stoq::SocketAddress& address);
  // Closes every connection to whom the trust store no longer knows as a member, and dials it no
  // more. One that left by itself gets a moment to hear that it has. Also those whose peer has
  // shown a certificate that is revoked by now.
  void drop_refused();
  // Closes every connection that this node opened, or in which it showed an expired certificate,
  // and dials again: its own certificate is new.
  void reconnect();
  // The peer serves nothing but renewal on this link: closes it if this node has another
  // certificate by now than the one that it shows there.
  void limited(const LinkPtr& link);

 private:
  // What is known of where a member may be.
  struct Known {
    Known(NodeId node, const boost::asio::any_io_executor& executor)
        : id(node), wakeup(executor), dialled(executor) {}
    NodeId id;
    std::vector<stoq::SocketAddress> addresses;  // the best first
    bool dialling = false;
    std::optional<Error> last_error;
    Wakeup wakeup;
    rt::Signal dialled;
  };
  using KnownPtr = std::shared_ptr<Known>;  // shared with the task that dials

  [[nodiscard]] Task<> accept_all();
  [[nodiscard]] Task<> adopt_incoming(stoq::Connection connection);
  [[nodiscard]] Task<> keep(KnownPtr known);
  [[nodiscard]] Task<Result<LinkPtr>> dial(KnownPtr known);
  [[nodiscard]] Task<Result<LinkPtr>> connect(stoq::SocketAddress address);
  [[nodiscard]] Task<Result<LinkPtr>> adopt(stoq::Connection connection, bool outgoing);
  [[nodiscard]] Task<> serve(LinkPtr link);
  [[nodiscard]] Task<> serve_renewal(stoq::Connection connection);
  void remove(const LinkPtr& link, const Error& why);
  [[nodiscard]] Task<> resolve_duplicates(NodeId peer);
  [[nodiscard]] Task<> probe(LinkPtr link);
  [[nodiscard]] Task<> retire(LinkPtr link);
  [[nodiscard]] bool opened_by_smaller_id(const Link& link) const;
  [[nodiscard]] bool is_better(const Link& a, const Link& b) const;
  void close(const LinkPtr& link, stoq::AppError code);
  [[nodiscard]] Task<> part_with(LinkPtr link);
  [[nodiscard]] KnownPtr known(const NodeId& peer);
  void remember_address(Known& known, const stoq::SocketAddress& address, bool works);
  void read_cache();
  void write_cache();
  [[nodiscard]] Task<> store_cache();
  [[nodiscard]] Result<NodeId> resolve(const std::string& target) const;
  [[nodiscard]] Duration back_off(std::size_t failures);
  void log_failure(Known& known, const Error& error);

  Parts parts_;
  std::vector<std::function<void(LinkPtr)>> link_callbacks_;
  std::map<NodeId, std::vector<LinkPtr>> links_;  // at least one of each
  std::map<NodeId, KnownPtr> known_;
  std::set<NodeId> resolving_;
  bool cache_changed_ = false;
  bool cache_writing_ = false;
  bool stopping_ = false;
};

}  // namespace i2::node
