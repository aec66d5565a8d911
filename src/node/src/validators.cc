#include "validators.h"

#include <i2/wire/reader.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include "await_answer.h"
#include "on_link.h"
#include "replication.h"

namespace i2::node {
namespace asio = boost::asio;

namespace {

using Frame = fleet::EmbeddedSequencer::Frame;
using stoq::StreamType;

constexpr std::string_view kPrepare = "fleet.Validators/Prepare";
constexpr std::uint8_t kPriority = 0;
constexpr std::size_t kLengthSize = 4;
// What waits for one peer; with more its stream is reset and begun anew.
constexpr std::size_t kOutgoingSizeMax = 32 * 1024 * 1024;
constexpr std::size_t kOutgoingCountMax = 16 * 1024;
constexpr Duration kReopenAfter = 250 * kMillisecond;
constexpr Duration kRoomAgain = 5 * kMillisecond;
constexpr Duration kPrepareTime = 30 * kSecond;

}  // namespace

struct Validators::Channel : std::enable_shared_from_this<Channel> {
  explicit Channel(LinkPtr over) : link(std::move(over)) {}

  const LinkPtr link;
  stoq::Stream stream;  // on the connection's executor, when it is open
  std::mutex mutex;
  std::deque<Frame> frames;
  std::size_t size = 0;
  bool overflow = false;

  // On any thread. Whether the stream is to be woken.
  [[nodiscard]] bool push(const Frame& frame) {
    const std::scoped_lock lock(mutex);
    if (overflow) {
      return false;
    }
    const bool first = frames.empty();
    frames.push_back(frame);
    size += frame->size();
    overflow = size > kOutgoingSizeMax || frames.size() > kOutgoingCountMax;
    return first;
  }

  // On the connection's executor.
  void wake() {
    if (stream) {
      stream.wake();
    }
  }

  // Everything that waits, each frame behind its length.
  Bytes take() {
    std::deque<Frame> taken;
    {
      const std::scoped_lock lock(mutex);
      taken = std::exchange(frames, {});
      size = 0;
    }
    Bytes out;
    wire::Writer w(out);
    for (const Frame& frame : taken) {
      w.u32(static_cast<std::uint32_t>(frame->size()));
      w.bytes(*frame);
    }
    return out;
  }
  bool has_overflowed() {
    const std::scoped_lock lock(mutex);
    return overflow;
  }
};

Validators::Validators(Parts parts)
    : parts_(std::move(parts)),
      validators_(std::make_shared<const NodeSet>()),
      alarm_changed_(parts_.runtime.control()),
      sequencer_(
          {.ledger = parts_.fleet.ledger(),
           .memory = parts_.fleet.vote_memory(),
           .self = parts_.trust.node_id(),
           .clock = parts_.clock,
           .post = [pool = parts_.runtime.pool()](
                       std::function<void()> job) { asio::post(pool, std::move(job)); },
           .send = [this](std::span<const NodeId> to, const Frame& frame) { send(to, frame); },
           .alarm = [this](Timestamp at) { set_alarm(at); },
           .report =
               [this](fleet::EmbeddedSequencer::Report what) {
                 asio::post(parts_.runtime.control(),
                            [this, what = std::move(what)]() mutable { report(std::move(what)); });
               }}) {
  read_epoch();
}

void Validators::attach(stoq::StreamDispatcher& dispatcher) {
  dispatcher.add(StreamType::kConsensus, [this](stoq::Connection connection, stoq::Stream stream) {
    return read(std::move(connection), std::move(stream));
  });
}

void Validators::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kPrepare), [this](stoq::CallContext context, Bytes request) {
    return serve_prepare(std::move(context), std::move(request));
  });
}

void Validators::start() {
  parts_.tasks.spawn(parts_.runtime.control(), ring());
  block_added();
}

void Validators::stop() {
  stopping_ = true;
  alarm_changed_.wake();
  sequencer_.stop();
}

// --- time

// On the engine's thread. A time that moved back costs ring() one look too many, instead of a
// hand-over for every message.
void Validators::set_alarm(Timestamp at) {
  alarm_ = at;
  if (at < armed_) {
    asio::post(parts_.runtime.control(), [this] { alarm_changed_.wake(); });
  }
}

Task<> Validators::ring() {
  while (!stopping_) {
    const Timestamp at = alarm_.load();
    const Timestamp now = parts_.clock.now();
    if (at <= now) {
      alarm_.store(kNever);
      sequencer_.wake();
      continue;
    }
    armed_ = at;
    if (alarm_ < at) {
      continue;  // set before it could be seen that this is later
    }
    co_await alarm_changed_.wait(at == kNever ? kNever : at - now);
  }
}

// --- who validates

void Validators::read_epoch() {
  const auto epoch = fleet::FleetState(parts_.fleet.ledger().chain()->state).epoch();
  if (!epoch) {
    return;
  }
  NodeSet nodes;
  if (epoch->validators.size() > 1) {
    for (const fleet::EpochValidator& validator : epoch->validators) {
      nodes.insert(validator.node);
    }
  }
  validators_.store(std::make_shared<const NodeSet>(std::move(nodes)));
  if (epoch->number != epoch_.number) {
    // Epochs that ended while this node was away are for others to confirm.
    if (epoch->number == epoch_.number + 1 && epoch->validators != epoch_.validators &&
        epoch_.validators.size() > 1 &&
        std::ranges::contains(epoch_.validators, parts_.trust.node_id(),
                              &fleet::EpochValidator::node)) {
      to_confirm_ = epoch_.number;
    }
    epoch_ = *epoch;
    parts_.log.debug("fleet", "epoch_begun", "a new epoch has begun",
                     {{"epoch", epoch->number},
                      {"height", epoch->first_height},
                      {"validators", epoch->validators.size()}});
  }
}

// Once the next epoch's first block says which one was the last.
void Validators::confirm_epoch() {
  const auto chain = parts_.fleet.ledger().chain();
  const auto last =
      to_confirm_ ? fleet::FleetState(chain->state).last_block(*to_confirm_) : std::nullopt;
  if (!last) {
    return;
  }
  parts_.fleet.account().submit(
      fleet::ConfirmEpoch{.epoch = *std::exchange(to_confirm_, std::nullopt), .last = *last},
      [log = &parts_.log](const Result<ports::Receipt>& ordered) {
        if (!ordered) {
          log->debug("fleet", "confirmation_failed", ordered.error().message(),
                     {{"error", ordered.error().code()}});
        }
      });
}

bool Validators::votes_with(const NodeId& peer) const {
  const auto validators = validators_.load();
  return validators->contains(peer) && validators->contains(parts_.trust.node_id());
}

void Validators::block_added() {
  read_epoch();
  sequencer_.ledger_changed();
  confirm_epoch();
  for (const NodeId& node : *validators_.load()) {
    open_channel(node);
  }
}

// --- streams to others

// On the engine's thread. One hand-over to each executor, however many of its streams it concerns.
void Validators::send(std::span<const NodeId> to, const Frame& frame) {
  std::vector<ChannelPtr> woken;
  {
    const std::scoped_lock lock(channels_mutex_);
    for (const NodeId& node : to) {
      const auto at = channels_.find(node);
      if (at != channels_.end() && at->second->push(frame)) {
        woken.push_back(at->second);
      }
    }
  }
  while (!woken.empty()) {
    const auto executor = woken.front()->link->connection.executor();
    const auto others = std::ranges::partition(woken, [&executor](const ChannelPtr& channel) {
      return channel->link->connection.executor() != executor;
    });
    asio::post(executor, [channels = std::vector(others.begin(), others.end())] {
      for (const ChannelPtr& channel : channels) {
        channel->wake();
      }
    });
    woken.erase(others.begin(), others.end());
  }
}

void Validators::open_channel(const NodeId& peer) {
  const LinkPtr link = parts_.peers.link_to(peer);
  if (stopping_ || link == nullptr || !votes_with(peer)) {
    return;
  }
  ChannelPtr channel;
  {
    const std::scoped_lock lock(channels_mutex_);
    ChannelPtr& there = channels_[peer];
    if (there != nullptr) {
      return;
    }
    there = std::make_shared<Channel>(link);
    channel = there;
  }
  parts_.tasks.spawn(link->connection.executor(), write(std::move(channel)));
}

Task<> Validators::write(ChannelPtr channel) {
  sequencer_.connected(channel->link->peer);
  co_await keep_writing(channel);
  sequencer_.disconnected(channel->link->peer);
  parts_.tasks.spawn(parts_.runtime.control(), channel_ended(std::move(channel)));
}

Task<> Validators::keep_writing(ChannelPtr channel) {
  stoq::Connection& connection = channel->link->connection;
  auto stream = co_await connection.open_stream(StreamType::kConsensus, false);
  if (!stream) {
    co_return;
  }
  stream->set_priority(kPriority);
  channel->stream = *stream;
  while (connection.is_open() && !stream->peer_stopped() && votes_with(channel->link->peer)) {
    if (channel->has_overflowed()) {
      parts_.log.warning("fleet", "validator_slow", "a validator does not read what it is sent",
                         {{"peer", channel->link->name}});
      break;
    }
    Bytes bytes = channel->take();
    if (bytes.empty()) {
      co_await stream->changed();
      continue;
    }
    if (!co_await stream->write(stoq::Chunk(std::move(bytes)))) {
      break;
    }
  }
  channel->stream = {};
  stream->reset(stoq::AppError::kCancelled);
}

Task<> Validators::channel_ended(ChannelPtr channel) {
  const NodeId peer = channel->link->peer;
  co_await rt::sleep_for(std::chrono::nanoseconds(kReopenAfter));
  {
    const std::scoped_lock lock(channels_mutex_);
    channels_.erase(peer);
  }
  open_channel(peer);
}

// --- streams of others

Task<> Validators::read(stoq::Connection connection, stoq::Stream stream) {
  const NodeId from = connection.peer().node_id;
  while (votes_with(from)) {
    const auto head = co_await stream.read_exactly(kLengthSize);
    if (!head) {
      co_return;
    }
    const std::size_t size = wire::Reader(*head).u32();
    if (size > fleet::kFrameSizeMax) {
      stoq::refuse_stream(stream, stoq::AppError::kProtocol);
      co_return;
    }
    auto frame = co_await stream.read_exactly(size);
    if (!frame) {
      co_return;
    }
    bool room = sequencer_.receive(from, *std::move(frame));
    while (!room) {
      co_await rt::sleep_for(std::chrono::nanoseconds(kRoomAgain));
      room = sequencer_.has_room(from);
    }
  }
  stoq::refuse_stream(stream, stoq::AppError::kRefused);
}

// --- what the engine reports

void Validators::report(fleet::EmbeddedSequencer::Report report) {
  std::visit([this](auto& one) { on(std::move(one)); }, report);
}

void Validators::accuse(const fleet::Convict& proof) {
  const std::string offence(consensus::name(proof.evidence));
  parts_.log.error("fleet", "validator_lied", "a validator has contradicted itself",
                   {{"offence", offence}, {"epoch", proof.epoch}});
  parts_.fleet.account().submit(proof, [log = &parts_.log](const Result<ports::Receipt>& ordered) {
    if (ordered) {
      log->info("fleet", "validator_convicted", "the proof has been ordered",
                {{"height", ordered->height}});
    } else {
      log->warning("fleet", "conviction_refused", ordered.error().message(),
                   {{"error", ordered.error().code()}});
    }
  });
}

void Validators::on(const fleet::EmbeddedSequencer::Refused& refused) {
  const auto members = parts_.trust.members();
  const fleet::MemberInfo* const leader = members->find(refused.leader);
  parts_.log.warning("fleet", "proposal_refused", refused.reason.message(),
                     {{"peer", leader == nullptr ? refused.leader.hex() : leader->name},
                      {"view", refused.view},
                      {"error", refused.reason.code()}});
}

void Validators::on(const fleet::EmbeddedSequencer::Behind&) {
  parts_.catch_up();
}

void Validators::on(const fleet::EmbeddedSequencer::Stopped& stopped) {
  parts_.log.error("fleet", "ordering_stopped", stopped.reason.message(),
                   {{"error", stopped.reason.code()}});
}

// --- becoming a validator

Task<Result<void>> Validators::prepare_self() {
  auto wanted = co_await answer_of<Result<fleet::SetVoteKey>>(
      [this](auto done) { sequencer_.make_key(parts_.suite, std::move(done)); });
  if (!wanted) {
    co_return fail(wanted.error());
  }
  const auto chain = parts_.fleet.ledger().chain();
  I2_CO_TRY_VALUE(const auto known,
                  fleet::FleetState(chain->state).vote_key(parts_.trust.node_id()));
  if (known == wanted->key) {
    co_return Result<void>{};
  }
  const auto begin = [this, &wanted](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(*std::move(wanted), std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  co_return Result<void>{};
}

// Any member may ask: it costs one operation in the life of a key.
Task<Result<Bytes>> Validators::serve_prepare(stoq::CallContext, Bytes) {
  const auto prepared =
      co_await asio::co_spawn(parts_.runtime.control(), prepare_self(), asio::use_awaitable);
  if (!prepared) {
    co_return fail(prepared.error());
  }
  co_return Bytes{};
}

Task<Result<void>> Validators::prepare(NodeId node) {
  const auto chain = parts_.fleet.ledger().chain();
  const fleet::FleetState state(chain->state);
  std::vector<NodeId> wanted = state.validators();
  if (!std::ranges::contains(wanted, node)) {
    wanted.push_back(node);
  }
  for (const NodeId& one : wanted) {
    I2_CO_TRY_VALUE(const auto key, state.vote_key(one));
    if (key && one != node) {  // the node itself may have another one by now
      continue;
    }
    if (one == parts_.trust.node_id()) {
      I2_CO_TRY(co_await prepare_self());
      continue;
    }
    auto reached = co_await parts_.peers.reach(one.hex());
    if (!reached) {
      co_return fail(reached.error());
    }
    const auto connection = (*reached)->connection;
    stoq::CallOptions options;
    options.deadline = kPrepareTime;
    const auto answer = co_await call_over(connection, kPrepare, {}, std::move(options));
    if (!answer) {
      co_return fail(answer.error());
    }
  }
  co_return Result<void>{};
}

}  // namespace i2::node
