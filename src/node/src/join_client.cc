#include <i2/crypto/provider.h>
#include <i2/fleet/invited.h>
#include <i2/node/addresses.h>
#include <i2/node/join.h>
#include <i2/node/units.h>
#include <i2/rt/signal.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <deque>
#include <format>

#include "join_stream.h"
#include "tasks.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

// Between two addresses that are dialled (RFC 8305 §5).
constexpr Duration kDialApart = 250 * kMillisecond;
constexpr Duration kAskSponsorAgain = kSecond;
constexpr Duration kDialTime = 10 * kSecond;
constexpr Duration kJoinEndTime = 5 * kSecond;
// A request has to name some fleet; the one who issues knows it.
constexpr std::string_view kSomeFleet = "invited";

// Who has no certificate yet and verifies nobody by one: JoinClient does, by what the server says.
class Stranger final : public ports::CertSource, public ports::PeerVerifier {
 public:
  [[nodiscard]] NodeId node_id() const override { return {}; }
  [[nodiscard]] std::shared_ptr<const ports::LeafCredential> current() const override {
    return nullptr;
  }
  void sign_hello(Bytes, std::function<void(Result<Bytes>)> done) const override {
    done(fail("fleet.not_joined", "this node has no identity yet"));
  }
  [[nodiscard]] Result<ports::LeafStanding> check_leaf(const crypto::Certificate&,
                                                       UnixMillis) const override {
    return fail("fleet.not_joined", "this node knows no fleet yet");
  }
  [[nodiscard]] Result<ports::PeerIdentity> check_hello(const ports::HelloClaim&,
                                                        UnixMillis) const override {
    return fail("fleet.not_joined", "this node knows no fleet yet");
  }
};

stoq::TransportConfig transport_config(const stoq::SocketAddress& bind) {
  stoq::TransportConfig out;
  out.bind = bind;
  out.bind.port = 0;
  out.endpoint.handshake_timeout = kDialTime;
  out.profiles = {stoq::core::join_profile()};
  out.socket_buffer = 1024 * 1024;
  return out;
}

// Another node of the token may still say yes.
bool worth_another(const Error& error) {
  return error.code().starts_with("stoq.") || error.is("trust.join_server") ||
         error.is("trust.join_malformed") || error.is("trust.join_answer") ||
         error.is("trust.join_foreign") || error.is("fleet.no_anchor") ||
         error.is("fleet.overloaded") || error.is("fleet.ledger_stopped") ||
         error.is("fleet.sequencer_unreachable");
}

// Everything runs on the control executor except what a connection has to do on its own.
class Joiner {
 public:
  struct Parts {
    rt::Runtime& runtime;
    stoq::Transport& transport;
    TaskGroup& tasks;
    const Clock& clock;
    const InvitedOptions& options;
    const fleet::InvitedNode& node;
  };
  explicit Joiner(const Parts& parts)
      : parts_(parts), changed_(parts.runtime.control()), apart_(parts.runtime.control()) {}

  struct Outcome {
    fleet::JoinClient::Joined joined;
    crypto::PrivateKey leaf_key;
  };
  Task<Result<Outcome>> run();

 private:
  Task<Result<Outcome>> ask_all();
  Task<> dial_all();
  Task<> dial(stoq::SocketAddress address);
  Task<Result<Outcome>> exchange(stoq::Connection connection);

  Parts parts_;
  rt::Signal changed_;
  Wakeup apart_;
  std::deque<Result<stoq::Connection>> dialled_;
  bool done_ = false;
};

// A node lets in a few at a time, and notices late when one of them is gone.
Task<Result<Joiner::Outcome>> Joiner::run() {
  for (;;) {
    auto out = co_await ask_all();
    if (out || !out.error().is("stoq.overloaded")) {
      co_return out;
    }
    co_await rt::sleep_for(std::chrono::nanoseconds(kAskSponsorAgain));
  }
}

Task<Result<Joiner::Outcome>> Joiner::ask_all() {
  done_ = false;
  const std::size_t count = parts_.options.token.peers.size();
  parts_.tasks.spawn(parts_.runtime.control(), dial_all());
  Result<Outcome> out = fail("stoq.unreachable", "no node that the token names answers");
  for (std::size_t left = count; left > 0 && !done_; --left) {
    while (dialled_.empty()) {
      co_await changed_.wait();
    }
    auto dialled = std::move(dialled_.front());
    dialled_.pop_front();
    if (!dialled) {
      // What a node that answered said is worth more than that another one was not there.
      if (out.error().code().starts_with("stoq.")) {
        out = fail(std::move(dialled).error());
      }
      continue;
    }
    const auto executor = dialled->executor();
    out = co_await asio::co_spawn(executor, exchange(*std::move(dialled)), asio::use_awaitable);
    done_ = out.has_value() || !worth_another(out.error());
  }
  done_ = true;
  apart_.wake();
  co_return out;
}

Task<> Joiner::dial_all() {
  for (const fleet::PeerHint& hint : parts_.options.token.peers) {
    if (done_) {
      co_return;
    }
    parts_.tasks.spawn(parts_.runtime.control(), dial(to_address(hint)));
    co_await apart_.wait(kDialApart);
  }
}

Task<> Joiner::dial(stoq::SocketAddress address) {
  // Whose leaf it is, JoinClient decides when it has heard the offer, before it says anything.
  auto connection = co_await parts_.transport.connect(
      address, {.resume = false,
                .alpn = std::string(stoq::core::kAlpnStoqJoin),
                .check_leaf = [](const crypto::Certificate&) -> Result<void> { return {}; }});
  dialled_.push_back(std::move(connection));
  changed_.notify();
}

// On the connection's executor.
Task<Result<Joiner::Outcome>> Joiner::exchange(stoq::Connection connection) {
  const auto make = [this] {
    return trustchain::make_leaf_request(parts_.options.name, kSomeFleet);
  };
  auto leaf = co_await rt::run_on(parts_.runtime.pool(), make);
  if (!leaf) {
    co_return fail(leaf.error());
  }
  Outcome out{.joined = {}, .leaf_key = leaf->key};
  auto client = fleet::JoinClient::create({.token = parts_.options.token,
                                           .identity = parts_.node.identity(),
                                           .leaf = *std::move(leaf),
                                           .name = parts_.options.name});
  if (!client) {
    co_return fail(client.error());
  }
  auto stream = co_await connection.accept_stream();
  if (!stream) {
    co_return fail(stream.error());
  }
  const crypto::Certificate server_leaf = connection.peer_leaf();
  JoinRecords records(*stream, fleet::kJoinMessageMax);
  while (!client->result()) {
    auto record = co_await records.next();
    if (!record) {
      co_return fail(record.error());
    }
    const auto handle = [this, &client, &record, &server_leaf] {
      return client->handle(*record, server_leaf, parts_.clock.unix_now());
    };
    auto reply = co_await rt::run_on(parts_.runtime.pool(), handle);
    if (!reply) {
      connection.close();
      co_return fail(reply.error());
    }
    if (*reply) {
      // From here on this identity may become a member: it is not lost with the process.
      I2_CO_TRY(parts_.node.keep());
      I2_CO_TRY(co_await stream->write(stoq::Chunk(**std::move(reply)), true));
    }
  }
  connection.close();
  out.joined = *client->result();
  co_return std::move(out);
}

Result<Joiner::Outcome> ask_fleet(const InvitedOptions& options, const Clock& clock,
                                  const fleet::InvitedNode& node) {
  const Stranger stranger;
  rt::Runtime runtime({.workers = 1, .pool_threads = 1, .worker_cpus = {}});
  I2_TRY_VALUE(const auto transport, stoq::Transport::create(transport_config(options.bind),
                                                             runtime, stranger, stranger));
  TaskGroup tasks;
  Joiner joiner({.runtime = runtime,
                 .transport = *transport,
                 .tasks = tasks,
                 .clock = clock,
                 .options = options,
                 .node = node});
  auto outcome = asio::co_spawn(runtime.control(), joiner.run(), asio::use_future);
  const bool in_time =
      outcome.wait_for(std::chrono::nanoseconds(options.timeout)) == std::future_status::ready;
  asio::co_spawn(runtime.control(), transport->shutdown(), asio::use_future).get();
  auto out = outcome.get();
  (void)tasks.wait(kJoinEndTime);
  if (!out && !in_time) {
    return fail("node.timeout",
                "the fleet did not answer in time; run the same command again: it continues");
  }
  return out;
}

}  // namespace

Result<fleet::NodeSummary> join_by_invite(const InvitedOptions& options, const Clock& clock) {
  I2_TRY(crypto::install_provider());
  if (!trustchain::is_name(options.name)) {
    return fail("fleet.name_invalid",
                std::format("'{}' is no node name: 1 to 63 of a-z, 0-9 and '-', not at either end",
                            options.name));
  }
  I2_TRY_VALUE(auto begun,
               fleet::InvitedNode::begin(options.data_dir, options.token, options.replace));
  if (auto* there = std::get_if<fleet::NodeSummary>(&begun)) {
    return std::move(*there);
  }
  const auto& node = std::get<fleet::InvitedNode>(begun);
  if (options.token.expiry <= clock.unix_now() && !node.resumed()) {
    return fail("trust.invite_expired", "the invite ended at " + format_time(options.token.expiry) +
                                            ": ask for another one, and compare the clocks");
  }
  I2_TRY_VALUE(const auto outcome, ask_fleet(options, clock, node));
  return node.commit(outcome.joined, outcome.leaf_key);
}

}  // namespace i2::node
