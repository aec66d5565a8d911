#include "replication.h"

#include <i2/node/addresses.h>
#include <i2/node/fleet.pb.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "await_answer.h"
#include "on_link.h"
#include "protobuf.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

constexpr std::string_view kBlocks = "fleet.Ledger/Blocks";
constexpr std::string_view kChanged = "fleet.Ledger/Changed";
constexpr std::string_view kSubmit = "fleet.Ledger/Submit";
// Of the blocks in one answer; one block is at most fleet::kBlockSizeMax.
constexpr std::size_t kPageSize = 512 * 1024;
constexpr Duration kTellTime = kSecond;
constexpr Duration kTellAgain = 250 * kMillisecond;
constexpr Duration kPullAgain = 500 * kMillisecond;
constexpr Duration kOwnBlocksFirst = 500 * kMillisecond;
// A page, or one run of blocks that became final together.
constexpr std::size_t kAnswerSizeMax = 32 * 1024 * 1024;

std::optional<fleet::PeerHint> hint_of(const PeerAddress& peer) {
  fleet::PeerHint out;
  if (peer.node_id().size() != out.node_id.bytes.size() ||
      peer.address().size() != out.address.size() || peer.port() > 65'535) {
    return std::nullopt;
  }
  std::ranges::copy(as_bytes(peer.node_id()), out.node_id.bytes.begin());
  std::ranges::copy(as_bytes(peer.address()), out.address.begin());
  out.port = static_cast<std::uint16_t>(peer.port());
  return fleet::check_hint(out) ? std::optional(out) : std::nullopt;
}

Result<ports::Receipt> receipt_of(const SubmitResponse& answer) {
  ports::Receipt out{.operation = {},
                     .height = answer.height(),
                     .index = answer.index(),
                     .time = answer.time(),
                     .repeated = answer.repeated_submission()};
  if (answer.operation().size() != out.operation.bytes.size()) {
    return fail("wire.malformed", "the receipt names no operation");
  }
  std::ranges::copy(as_bytes(answer.operation()), out.operation.bytes.begin());
  return out;
}

// On the pool: every block costs signatures to verify and a write to wait for.
struct Followed {
  std::size_t count = 0;
  std::optional<Error> refused;
};
Followed follow_page(fleet::Ledger& ledger, const BlocksResponse& page) {
  Followed out;
  std::vector<Bytes> run;
  for (const SealedBlock& block : page.blocks()) {
    run.push_back(to_bytes(as_bytes(block.block())));
    if (block.seal().empty()) {
      continue;
    }
    const auto added = ledger.follow(run, as_bytes(block.seal()));
    if (!added) {
      out.refused = added.error();
      break;
    }
    out.count += *added ? run.size() : 0;
    run.clear();
  }
  return out;
}

Result<std::vector<fleet::Ledger::StoredBlock>> blocks_behind(const fleet::Ledger& ledger,
                                                              const BlocksRequest& asked) {
  I2_TRY_VALUE(const auto own, ledger.block_id(asked.after()));
  if (own && !asked.head().empty() && !equal(own->view(), as_bytes(asked.head()))) {
    return fail("fleet.ledger_diverged",
                "this node has another block of height " + std::to_string(asked.after()) +
                    "; those who order operations have lost some of them, or lied");
  }
  return ledger.blocks_after(asked.after(), kPageSize);
}

// Whether another validator might give a better answer.
bool may_be_elsewhere(const Error& error) {
  return error.is("fleet.sequencer_unreachable") || error.is("fleet.not_sequencer") ||
         error.is("fleet.ledger_stopped") || error.is("fleet.overloaded") ||
         error.is("fleet.operation_early") || error.code().starts_with("stoq.");
}

}  // namespace

Task<Result<ports::Receipt>> receipt(std::function<void(ports::Sequencer::Done)> start) {
  return answer_of<Result<ports::Receipt>>(std::move(start));
}

void RemoteSequencer::submit(Bytes operation, Done done) {
  parts_.tasks.spawn(parts_.runtime.control(), pass_on(std::move(operation), std::move(done)));
}

Task<> RemoteSequencer::pass_on(Bytes operation, Done done) {
  Result<ports::Receipt> answer = co_await ask(std::move(operation));
  done(std::move(answer));
}

// One validator after another, those first that are connected: the same operation is ordered once
// only, whoever hears of it.
Task<Result<ports::Receipt>> RemoteSequencer::ask(Bytes operation) {
  const auto chain = parts_.ledger.chain();
  I2_CO_TRY_VALUE(fleet::EpochRecord epoch, fleet::FleetState(chain->state).epoch());
  std::erase_if(epoch.validators, [this](const fleet::EpochValidator& validator) {
    return validator.node == parts_.trust.node_id();
  });
  std::ranges::stable_partition(epoch.validators, [this](const fleet::EpochValidator& validator) {
    return parts_.peers.link_to(validator.node) != nullptr;
  });
  Result<ports::Receipt> out = fail("fleet.sequencer_unreachable", "the fleet has no validators");
  for (const fleet::EpochValidator& validator : epoch.validators) {
    out = co_await ask(validator.node, operation);
    if (out || !may_be_elsewhere(out.error())) {
      break;
    }
  }
  co_return out;
}

Task<Result<ports::Receipt>> RemoteSequencer::ask(NodeId validator, Bytes operation) {
  auto reached = co_await parts_.peers.reach(validator.hex());
  if (!reached) {
    const auto members = parts_.trust.members();
    const fleet::MemberInfo* const member = members->find(validator);
    co_return fail("fleet.sequencer_unreachable",
                   "'" + (member == nullptr ? validator.hex() : member->name) +
                       "', which orders the fleet's operations, cannot be reached (" +
                       reached.error().message() + "): try again when it can");
  }
  SubmitRequest request;
  request.set_operation(to_string(operation));
  I2_CO_TRY_VALUE(Bytes body, serialize(request));
  const auto answer = co_await call_over((*reached)->connection, kSubmit, std::move(body));
  if (!answer) {
    co_return fail(answer.error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<SubmitResponse>(*answer));
  I2_CO_TRY_VALUE(ports::Receipt out, receipt_of(parsed));
  if (out.height > parts_.ledger.height()) {
    co_await parts_.catch_up(reached->link());
  }
  co_return out;
}

void Replication::attach(stoq::RpcServer& server) {
  state_sync_.attach(server);
  server.add_unary(std::string(kBlocks), [this](stoq::CallContext context, Bytes request) {
    return serve_blocks(std::move(context), std::move(request));
  });
  server.add_unary(std::string(kChanged), [this](stoq::CallContext context, Bytes request) {
    return serve_changed(std::move(context), std::move(request));
  });
  server.add_unary(std::string(kSubmit), [this](const stoq::CallContext&, Bytes request) {
    return serve_submit(std::move(request));
  });
}

Task<Result<Bytes>> Replication::serve_blocks(stoq::CallContext context, Bytes request) {
  I2_CO_TRY_VALUE(const auto asked, parse<BlocksRequest>(request));
  const auto work = [this, &asked] { return blocks_behind(ledger_, asked); };
  const auto blocks = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!blocks) {
    co_return fail(blocks.error());
  }
  BlocksResponse out;
  out.set_height(ledger_.height());
  for (const auto& [block, seal] : *blocks) {
    SealedBlock& next = *out.add_blocks();
    next.set_block(to_string(block));
    next.set_seal(to_string(seal));
  }
  const auto hints = co_await asio::co_spawn(
      parts_.runtime.control(), hints_for(context.peer().node_id), asio::use_awaitable);
  for (const fleet::PeerHint& hint : hints) {
    PeerAddress& peer = *out.add_peers();
    peer.set_node_id(to_string(hint.node_id.view()));
    peer.set_address(to_string(hint.address));
    peer.set_port(hint.port);
  }
  co_return serialize(out);
}

Task<std::vector<fleet::PeerHint>> Replication::hints_for(NodeId peer) {
  const LinkPtr link = parts_.peers.link_to(peer);
  const bool local = link != nullptr && link->remote.is_loopback();
  auto out = parts_.peers.connected_hints(local);
  std::erase_if(out, [&peer](const fleet::PeerHint& hint) { return hint.node_id == peer; });
  co_return out;
}

Task<Result<Bytes>> Replication::serve_changed(stoq::CallContext context, Bytes request) {
  I2_CO_TRY_VALUE(const auto note, parse<HeightNote>(request));
  if (note.height() > ledger_.height()) {
    parts_.tasks.spawn(parts_.runtime.control(),
                       note_changed(context.peer().node_id, note.height()));
  }
  co_return Bytes{};
}

Task<Result<Bytes>> Replication::serve_submit(Bytes request) {
  I2_CO_TRY_VALUE(const auto asked, parse<SubmitRequest>(request));
  if (!parts_.fleet.orders()) {
    co_return fail("fleet.not_sequencer",
                   "this node does not order operations: submit them to the one that does");
  }
  const auto begin = [this, &asked](ports::Sequencer::Done done) {
    parts_.fleet.sequencer().submit(to_bytes(as_bytes(asked.operation())), std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  SubmitResponse out;
  out.set_operation(to_string(ordered->operation.view()));
  out.set_height(ordered->height);
  out.set_index(ordered->index);
  out.set_time(ordered->time);
  out.set_repeated_submission(ordered->repeated);
  co_return serialize(out);
}

void Replication::follow_all() {
  for (const LinkPtr& link : parts_.peers.links()) {
    follow(link->peer);
  }
}

// A validator has most blocks by itself a moment later.
Task<> Replication::note_changed(NodeId peer, std::uint64_t height) {
  if (parts_.fleet.orders()) {
    co_await rt::sleep_for(std::chrono::nanoseconds(kOwnBlocksFirst));
  }
  if (height > ledger_.height()) {
    follow(peer);
  }
}

void Replication::follow(const NodeId& peer) {
  if (parts_.halted()) {
    return;
  }
  if (!syncing_.insert(peer).second) {
    again_.insert(peer);
    return;
  }
  parts_.tasks.spawn(parts_.runtime.control(), sync(peer));
}

// Each round over the link that is there now. One may fail because its process is gone, while its
// successor is connected: then again, until nothing is connected any more.
Task<> Replication::sync(NodeId peer) {
  do {
    again_.erase(peer);
    const LinkPtr link = parts_.peers.link_to(peer);
    if (link == nullptr) {
      break;
    }
    const auto added = co_await pull(link);
    if (!added) {
      const bool refused = report(*link, added.error());
      if (added.error().is("fleet.ledger_diverged")) {
        parts_.diverged(peer);
      }
      if (added.error().is("trust.leaf_expired") || added.error().is("trust.sct_missing")) {
        parts_.peers.limited(link);
      }
      if (!refused) {
        again_.insert(peer);
        co_await rt::sleep_for(std::chrono::nanoseconds(kPullAgain));
      }
    } else {
      if (*added > 0) {
        parts_.log.info("fleet", "blocks_followed", "the ledger has grown",
                        {{"blocks", *added}, {"height", ledger_.height()}, {"from", link->name}});
      }
      parts_.fleet.heard_all_of(peer);
    }
  } while (again_.contains(peer));
  again_.erase(peer);
  syncing_.erase(peer);
  hand_in();
}

// Whether the peer's answer was the reason, which the next one would not change. It is worth more
// than a peer that is gone.
bool Replication::report(const Link& link, const Error& error) const {
  const bool refused = error.code().starts_with("fleet.");
  if (refused && !error.is("fleet.blocks_unavailable")) {
    parts_.log.error("fleet", "block_refused", error.message(),
                     {{"peer", link.name}, {"error", error.code()}});
  } else {
    parts_.log.debug("fleet", "sync_failed", error.to_string(), {{"peer", link.name}});
  }
  return refused;
}

Task<> Replication::catch_up(LinkPtr link) {
  if (!parts_.halted()) {
    (void)co_await pull(std::move(link));
  }
}

Task<Result<std::size_t>> Replication::pull(LinkPtr link) {
  std::size_t count = 0;
  for (;;) {
    BlocksRequest request;
    const auto chain = ledger_.chain();
    request.set_after(chain->head.height);
    request.set_head(to_string(tip(*chain).view()));
    I2_CO_TRY_VALUE(Bytes body, serialize(request));
    stoq::CallOptions options;
    options.message_size_max = kAnswerSizeMax;
    const auto answer =
        co_await call_over(link->connection, kBlocks, std::move(body), std::move(options));
    if (!answer && answer.error().is("fleet.blocks_unavailable")) {
      I2_CO_TRY_VALUE(const bool adopted, co_await state_sync_.adopt(link));
      if (adopted) {
        ++count;
        continue;
      }
    }
    if (!answer) {
      co_return fail(answer.error());
    }
    I2_CO_TRY_VALUE(const auto page, parse<BlocksResponse>(*answer));
    for (const PeerAddress& peer : page.peers()) {
      if (const auto hint = hint_of(peer);
          hint && (link->remote.is_loopback() || !to_address(*hint).is_loopback())) {
        parts_.peers.learn(hint->node_id, to_address(*hint));
      }
    }
    const auto work = [this, &page] { return follow_page(ledger_, page); };
    const Followed followed = co_await rt::run_on(parts_.runtime.pool(), work);
    count += followed.count;
    if (followed.refused) {
      co_return fail(*followed.refused);
    }
    // What brings nothing new ends it, whatever height the peer claims.
    if (followed.count == 0) {
      co_return count;
    }
  }
}

void Replication::block_added(const std::function<bool(const NodeId&)>& knows) {
  for (const LinkPtr& link : parts_.peers.links()) {
    if (!knows(link->peer) && telling_.insert(link->peer).second) {
      parts_.tasks.spawn(parts_.runtime.control(), tell(link->peer));
    }
  }
  parts_.peers.drop_refused();
}

// Records that this node alone has, for instance because the sequencer was away.
void Replication::hand_in() {
  if (handed_in_ > 0) {
    return;
  }
  auto operations = parts_.fleet.unordered();
  handed_in_ = operations.size();
  for (const fleet::FleetOperation& operation : operations) {
    parts_.fleet.account().submit(
        operation, [this, log = &parts_.log](const Result<ports::Receipt>& ordered) {
          if (ordered) {
            log->info("fleet", "record_ordered", "a member's record became an operation",
                      {{"height", ordered->height}});
          } else {
            log->warning("fleet", "record_refused", ordered.error().message(),
                         {{"error", ordered.error().code()}});
          }
          --handed_in_;
        });
  }
}

Task<Result<std::size_t>> Replication::reload() {
  const auto work = [&trust = parts_.trust] { return trust.reload_members(); };
  const Result<std::size_t> count = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!count) {
    parts_.log.error("fleet", "reload_failed", count.error().to_string());
    co_return count;
  }
  parts_.log.info("fleet", "members_reloaded", "the members were read again", {{"count", *count}});
  for (const fleet::FleetOperation& operation : parts_.fleet.unordered()) {
    const auto begin = [this, &operation](ports::Sequencer::Done done) {
      parts_.fleet.account().submit(operation, std::move(done));
    };
    const auto ordered = co_await receipt(begin);
    if (!ordered) {
      co_return fail(ordered.error());
    }
  }
  co_return parts_.trust.members()->size();
}

// Until the peer has heard of the last block or has no connection any more; it asks by itself when
// it connects again. A link may be that of a process that is gone, while its successor is
// connected.
Task<> Replication::tell(NodeId peer) {
  std::uint64_t told = 0;
  while (told < ledger_.height()) {
    const LinkPtr link = parts_.peers.link_to(peer);
    if (link == nullptr) {
      break;
    }
    HeightNote note;
    note.set_height(ledger_.height());
    auto body = serialize(note);
    if (!body) {
      break;
    }
    stoq::CallOptions options;
    options.deadline = kTellTime;
    const auto heard =
        co_await call_over(link->connection, kChanged, *std::move(body), std::move(options));
    if (heard) {
      told = note.height();
    } else {
      co_await rt::sleep_for(std::chrono::nanoseconds(kTellAgain));
    }
  }
  telling_.erase(peer);
}

}  // namespace i2::node
