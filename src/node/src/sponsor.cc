#include "sponsor.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "join_stream.h"
#include "replication.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::size_t kNewcomersMax = 8;
constexpr std::uint32_t kAttemptsMax = 32;
constexpr Duration kAttemptEvery = kSecond;
constexpr Duration kExchangeTime = 30 * kSecond;

Task<stoq::SocketAddress> remote_of(stoq::Connection connection) {
  co_return connection.path().addresses.remote;
}

}  // namespace

Sponsor::Sponsor(const Parts& parts) : parts_(parts), limit_(kAttemptsMax, kAttemptEvery) {}

void Sponsor::start() {
  parts_.tasks.spawn(parts_.runtime.control(), accept_all());
}

Task<> Sponsor::accept_all() {
  for (;;) {
    auto connection = co_await parts_.transport.accept(std::string(stoq::core::kAlpnStoqJoin));
    if (!connection) {
      co_return;
    }
    if (serving_ >= kNewcomersMax || !limit_.take(parts_.clock.now())) {
      asio::post(connection->executor(), [connection = *connection]() mutable {
        connection.close(stoq::AppError::kOverloaded);
      });
      continue;
    }
    ++serving_;
    parts_.tasks.spawn(parts_.runtime.control(), serve(std::move(*connection)));
  }
}

Task<> Sponsor::serve(stoq::Connection connection) {
  const auto executor = connection.executor();
  const auto remote = co_await asio::co_spawn(executor, remote_of(connection), asio::use_awaitable);
  parts_.tasks.spawn(executor, end_after(connection, kExchangeTime));
  const Result<std::string> name =
      co_await asio::co_spawn(executor, exchange(connection), asio::use_awaitable);
  --serving_;
  if (name) {
    parts_.log.info("fleet", "newcomer_joined", "a machine joined with an invite",
                    {{"name", *name}, {"address", remote.to_string()}});
  } else {
    parts_.log.warning("fleet", "join_refused", name.error().message(),
                       {{"address", remote.to_string()}, {"error", name.error().code()}});
  }
}

// On the connection's executor, like everything it calls. The name of the new member.
Task<Result<std::string>> Sponsor::exchange(stoq::Connection connection) {
  auto opened = co_await connection.open_raw_stream();
  if (!opened) {
    co_return fail(opened.error());
  }
  stoq::Stream stream = *opened;
  Bytes offer =
      fleet::JoinServer::offer(*parts_.trust.members(), parts_.trust.identity().public_key(),
                               parts_.trust.current()->binding);
  I2_CO_TRY(co_await stream.write(stoq::Chunk(std::move(offer))));
  JoinRecords records(stream, fleet::kJoinRequestMax);
  auto request = co_await records.next();
  if (!request) {
    connection.close(stoq::AppError::kNone);
    co_return fail(request.error());
  }
  auto answered = co_await answer(connection, stream, *std::move(request));
  if (!answered) {
    Bytes refusal = fleet::JoinServer::refuse(answered.error());
    (void)co_await stream.write(stoq::Chunk(std::move(refusal)), true);
  }
  // Until it has read everything it keeps the connection; then it closes it, or time is up.
  (void)co_await connection.closed();
  co_return answered;
}

Task<Result<std::string>> Sponsor::answer(stoq::Connection connection, stoq::Stream stream,
                                          Bytes request) {
  auto wanted = co_await admit(std::move(request));
  if (!wanted) {
    co_return fail(wanted.error());
  }
  const NodeId newcomer = wanted->admit.proof.node_id;
  constexpr bool kNameIsWish = true;
  const auto leaf = co_await parts_.authority->issue_leaf(wanted->request, newcomer, kNameIsWish);
  if (!leaf) {
    co_return fail(leaf.error());
  }
  const auto look = [this] { return parts_.fleet.ledger().snapshot(); };
  const auto read = co_await rt::run_on(parts_.runtime.pool(), look);
  if (!read) {
    co_return fail(read.error());
  }
  const fleet::Ledger::Snapshot& snapshot = **read;  // a block has admitted the newcomer
  const fleet::StateTree& state = snapshot.chain->state;
  for (const fleet::EpochLink& link : snapshot.links) {
    I2_CO_TRY(co_await stream.write(stoq::Chunk(fleet::JoinServer::link(link))));
  }
  const bool same_machine = connection.path().addresses.remote.is_loopback();
  auto known =
      co_await asio::co_spawn(parts_.runtime.control(), hints(same_machine), asio::use_awaitable);
  Bytes accepted = fleet::JoinServer::accept({.name = wanted->admit.name,
                                              .leaf = leaf->der(),
                                              .epoch = snapshot.epoch,
                                              .point = snapshot.point,
                                              .peers = std::move(known)});
  I2_CO_TRY(co_await stream.write(stoq::Chunk(std::move(accepted))));
  // Counts what the newcomer will have, exactly as it does.
  fleet::SnapshotReader sent(state.root());
  while (!sent.complete()) {
    const auto make = [&state, &sent]() -> Result<Bytes> {
      Bytes chunk = fleet::encode_chunk(state, sent.offset());
      I2_TRY(sent.add(chunk));
      return encode(fleet::JoinChunk{.chunk = std::move(chunk)});
    };
    auto chunk = co_await rt::run_on(parts_.runtime.pool(), make);
    if (!chunk) {
      co_return fail(chunk.error());
    }
    const bool last = sent.complete();
    I2_CO_TRY(co_await stream.write(stoq::Chunk(*std::move(chunk)), last));
  }
  I2_CO_TRY(co_await stream.flush());
  co_return wanted->admit.name;
}

// The operation is ordered, and this node knows the newcomer.
Task<Result<fleet::JoinServer::Wanted>> Sponsor::admit(Bytes request) {
  if (parts_.authority == nullptr || !parts_.trust.can_issue(parts_.clock.unix_now())) {
    co_return fail("fleet.no_anchor",
                   "this node is not a certificate authority of the fleet: use an invite of one");
  }
  const auto look = [this, &request] {
    const auto chain = parts_.fleet.ledger().chain();
    return fleet::JoinServer::handle_request(request, chain->state, parts_.clock.unix_now());
  };
  auto wanted = co_await rt::run_on(parts_.runtime.pool(), look);
  if (!wanted || wanted->admitted) {
    co_return wanted;
  }
  const auto begin = [this, &wanted](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(wanted->admit, std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  co_return wanted;
}

Task<std::vector<fleet::PeerHint>> Sponsor::hints(bool same_machine) {
  co_return parts_.peers.connected_hints(same_machine);
}

}  // namespace i2::node
