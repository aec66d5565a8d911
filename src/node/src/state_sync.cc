#include "state_sync.h"

#include <i2/node/fleet.pb.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "on_link.h"
#include "protobuf.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kSnapshotMethod = "fleet.Ledger/Snapshot";
constexpr std::string_view kChunkMethod = "fleet.Ledger/Chunk";
// States that are kept for those who fetch them.
constexpr std::size_t kOffersMax = 4;
// Links of a fleet that has changed its validators often.
constexpr std::size_t kSnapshotAnswerMax = 32 * 1024 * 1024;

template <class Answer>
Task<Result<Answer>> ask(LinkPtr link, std::string_view method, Bytes request) {
  stoq::CallOptions options;
  options.message_size_max = kSnapshotAnswerMax;
  const auto answer =
      co_await call_over(link->connection, method, std::move(request), std::move(options));
  if (!answer) {
    co_return fail(answer.error());
  }
  co_return parse<Answer>(*answer);
}

struct Start {
  std::vector<fleet::EpochLink> links;
  fleet::SealedHeader point;
};

Result<Start> start_of(const SnapshotResponse& answer) {
  Start out;
  for (const std::string& link : answer.links()) {
    I2_TRY_VALUE(auto decoded, fleet::decode_link(as_bytes(link)));
    out.links.push_back(std::move(decoded));
  }
  I2_TRY_VALUE(out.point, fleet::decode_snapshot_point(as_bytes(answer.point())));
  return out;
}

}  // namespace

void StateSync::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kSnapshotMethod),
                   [this](const stoq::CallContext&, const Bytes&) { return serve_snapshot(); });
  server.add_unary(std::string(kChunkMethod), [this](const stoq::CallContext&, Bytes request) {
    return serve_chunk(std::move(request));
  });
}

Task<Result<Bytes>> StateSync::serve_snapshot() {
  const auto look = [this] { return ledger_.snapshot(); };
  const auto snapshot = co_await rt::run_on(runtime_.pool(), look);
  if (!snapshot) {
    co_return fail(snapshot.error());
  }
  if (!*snapshot) {
    co_return fail("fleet.blocks_unavailable", "this node has no block yet");
  }
  co_await asio::co_spawn(runtime_.control(), offer((*snapshot)->chain), asio::use_awaitable);
  SnapshotResponse out;
  for (const fleet::EpochLink& link : (*snapshot)->links) {
    out.add_links(to_string(encode(link)));
  }
  out.set_point(to_string(encode((*snapshot)->point)));
  co_return serialize(out);
}

Task<> StateSync::offer(ChainPtr chain) {
  const auto same = [&chain](const ChainPtr& other) {
    return other->state.root() == chain->state.root();
  };
  if (std::ranges::none_of(offers_, same)) {
    offers_.push_back(std::move(chain));
    if (offers_.size() > kOffersMax) {
      offers_.pop_front();
    }
  }
  co_return;
}

Task<StateSync::ChainPtr> StateSync::offered(Hash256 state) {
  for (const ChainPtr& chain : offers_) {
    if (chain->state.root() == state) {
      co_return chain;
    }
  }
  co_return nullptr;
}

Task<Result<Bytes>> StateSync::serve_chunk(Bytes request) {
  I2_CO_TRY_VALUE(const auto asked, parse<ChunkRequest>(request));
  Hash256 state{};
  if (asked.state().size() != state.size()) {
    co_return fail("wire.malformed", "an app hash has 32 bytes");
  }
  std::ranges::copy(as_bytes(asked.state()), state.begin());
  const ChainPtr chain =
      co_await asio::co_spawn(runtime_.control(), offered(state), asio::use_awaitable);
  if (chain == nullptr || asked.offset() >= chain->state.size()) {
    co_return fail("fleet.blocks_unavailable",
                   "this node does not offer that state any more: ask for a snapshot again");
  }
  ChunkResponse out;
  const auto make = [&] { return fleet::encode_chunk(chain->state, asked.offset()); };
  out.set_chunk(to_string(co_await rt::run_on(runtime_.pool(), make)));
  co_return serialize(out);
}

Task<Result<bool>> StateSync::adopt(LinkPtr from) {
  if (std::exchange(adopting_, true)) {
    co_return false;  // from another one, and one state is enough
  }
  auto out = co_await fetch(from);
  adopting_ = false;
  if (out && *out) {
    log_.info("fleet", "state_adopted", "the ledger goes on from the state that a peer had",
              {{"height", ledger_.height()}, {"from", from->name}});
  }
  co_return out;
}

Task<Result<bool>> StateSync::fetch(LinkPtr from) {
  I2_CO_TRY_VALUE(const auto answer,
                  co_await ask<SnapshotResponse>(from, kSnapshotMethod, Bytes{}));
  I2_CO_TRY_VALUE(const Start start, start_of(answer));
  if (start.point.header.height <= ledger_.height()) {
    co_return false;
  }
  fleet::SnapshotReader reader(start.point.header.state);
  while (!reader.complete()) {
    ChunkRequest request;
    request.set_state(to_string(start.point.header.state));
    request.set_offset(reader.offset());
    I2_CO_TRY_VALUE(Bytes body, serialize(request));
    I2_CO_TRY_VALUE(const auto chunk,
                    co_await ask<ChunkResponse>(from, kChunkMethod, std::move(body)));
    const auto add = [&] { return reader.add(as_bytes(chunk.chunk())); };
    I2_CO_TRY(co_await rt::run_on(runtime_.pool(), add));
  }
  const auto take = [&] { return ledger_.adopt(start.links, start.point, reader.tree()); };
  co_return co_await rt::run_on(runtime_.pool(), take);
}

}  // namespace i2::node
