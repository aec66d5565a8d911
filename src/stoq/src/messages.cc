#include <i2/base/assert.h>
#include <i2/rt/signal.h>
#include <i2/stoq/core/message_codec.h>
#include <i2/stoq/messages.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <deque>
#include <map>

#include "record_stream.h"

namespace i2::stoq {
namespace asio = boost::asio;

static_assert(kInlineMessageMax == core::kInlineMessageMax);

namespace {

using core::message_cost;
using core::MessageRecord;

// Bulk streams of one queue that arrived before the record that places them.
constexpr std::size_t kParkedMax = 64;
// Copying so little is cheaper than another chunk in the send queue.
constexpr std::size_t kCopyMax = 1024;

Bytes record(MessageRecord type, ByteView body) {
  Bytes out;
  core::append_record(out, static_cast<std::uint64_t>(type), body);
  return out;
}

RecordStream records_of(Stream stream) {
  return {std::move(stream),
          {.type_max = core::kMessageRecordMax, .body_max = core::kInlineMessageMax}};
}

Error name_invalid() {
  return {"stoq.queue_name_invalid",
          "a queue name has 1 to " + std::to_string(core::kQueueNameMax) + " bytes of UTF-8"};
}

Error queues_exhausted() {
  return {"stoq.queues_exhausted", "too many message queues on this connection"};
}

Error channel_closed() {
  return {"stoq.channel_closed", "the message channel was closed"};
}

// Ends a queue stream in the background; what was written before still arrives.
Task<void> finish(Stream stream) {
  (void)co_await stream.write(Chunk{}, true);
  stream.stop(AppError::kNone);
}

// The sending half of a queue. Costs count as in core::message_cost().
struct OutQueue {
  explicit OutQueue(const asio::any_io_executor& executor) : changed(executor) {}

  void fail_with(Error why) {
    if (!error) {
      error = std::move(why);
    }
    changed.notify();
  }

  std::optional<Stream> stream;
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;  // by the peer's application
  std::uint64_t next_bulk = 0;
  // send() calls go one after the other, in the order they were made.
  std::uint64_t next_ticket = 0;
  std::uint64_t serving = 0;
  std::optional<Error> error;
  rt::Signal changed;
};

// A place in a queue: a whole message, or one whose bytes still come on their own stream.
struct Slot {
  Bytes message;
  std::uint64_t size = 0;
  std::optional<std::uint64_t> bulk;  // which
  bool complete = false;
};

// The receiving half of a queue.
struct InQueue {
  explicit InQueue(const asio::any_io_executor& executor) : changed(executor) {}

  void fail_with(Error why) {
    if (!error) {
      error = std::move(why);
    }
    changed.notify();
  }
  [[nodiscard]] std::shared_ptr<Slot> awaiting(std::uint64_t bulk) const {
    for (const auto& slot : slots) {
      if (slot->bulk == bulk && !slot->complete) {
        return slot;
      }
    }
    return nullptr;
  }

  std::optional<Stream> stream;  // the queue stream, for credit; set while its reader runs
  std::deque<std::shared_ptr<Slot>> slots;  // shared with the bulk reader that fills one
  std::uint64_t received = 0;               // cost of every message that was started
  std::uint64_t taken = 0;
  std::uint64_t reported = 0;  // of `taken`, as credit
  std::uint64_t next_bulk = 0;
  std::size_t parked = 0;
  bool ended = false;
  std::optional<Error> error;
  rt::Signal changed;
};

// Reads the peer's credit until its queue stream ends.
Task<void> read_credit(std::shared_ptr<OutQueue> queue, Stream stream) {
  RecordStream records = records_of(std::move(stream));
  for (;;) {
    const Result<std::optional<core::Record>> next = co_await records.next();
    if (!next) {
      queue->fail_with(explain(next.error()));
      co_return;
    }
    if (!*next) {
      queue->fail_with({"stoq.queue_broken", "the peer ended the queue"});
      co_return;
    }
    if ((*next)->type != static_cast<std::uint64_t>(MessageRecord::kCredit)) {
      continue;
    }
    const Result<std::uint64_t> taken = core::decode_credit((*next)->body);
    if (!taken || *taken > queue->sent) {
      refuse_stream(records.stream(), AppError::kProtocol);
      queue->fail_with({"stoq.protocol_violation", "the peer returned credit it never had"});
      co_return;
    }
    queue->taken = std::max(queue->taken, *taken);
    queue->changed.notify();
  }
}

}  // namespace

struct MessageChannel::State : std::enable_shared_from_this<MessageChannel::State> {
  State(Connection owner, Limits channel_limits)
      : connection(std::move(owner)), executor(connection.executor()), limits(channel_limits) {}

  [[nodiscard]] Result<std::shared_ptr<OutQueue>> out_queue(const std::string& name);
  [[nodiscard]] Result<std::shared_ptr<InQueue>> in_queue(const std::string& name);
  void end_all(const Error& why);

  Task<void> watch_connection();
  // --- sending
  Task<Result<void>> open(std::shared_ptr<OutQueue> queue, std::string name);
  Task<Result<void>> send_in_turn(std::shared_ptr<OutQueue> queue, std::string name, Chunk message);
  Task<Result<void>> send_bulk(std::shared_ptr<OutQueue> queue, std::string name, Chunk message);
  // --- receiving
  Task<void> serve(Stream stream);
  Task<void> read_queue(std::shared_ptr<InQueue> queue, RecordStream records);
  [[nodiscard]] Result<void> place(InQueue& queue, core::Record record);
  Task<void> read_bulk(std::shared_ptr<InQueue> queue, std::uint64_t number, RecordStream records);
  Task<void> give_credit(std::shared_ptr<InQueue> queue);

  Connection connection;
  asio::any_io_executor executor;
  Limits limits;
  std::map<std::string, std::shared_ptr<OutQueue>> out;  // shared with the calls that wait on one
  std::map<std::string, std::shared_ptr<InQueue>> in;    // likewise
  std::uint64_t held = 0;  // bytes of messages that receive() has not returned
  std::optional<Error> ended;
};

Result<std::shared_ptr<OutQueue>> MessageChannel::State::out_queue(const std::string& name) {
  if (ended) {
    return fail(*ended);
  }
  if (!core::is_queue_name(name)) {
    return fail(name_invalid());
  }
  if (const auto it = out.find(name); it != out.end()) {
    return it->second;
  }
  if (out.size() >= limits.queues_max) {
    return fail(queues_exhausted());
  }
  return out.emplace(name, std::make_shared<OutQueue>(executor)).first->second;
}

Result<std::shared_ptr<InQueue>> MessageChannel::State::in_queue(const std::string& name) {
  if (ended) {
    return fail(*ended);
  }
  if (!core::is_queue_name(name)) {
    return fail(name_invalid());
  }
  if (const auto it = in.find(name); it != in.end()) {
    return it->second;
  }
  if (in.size() >= limits.queues_max) {
    return fail(queues_exhausted());
  }
  return in.emplace(name, std::make_shared<InQueue>(executor)).first->second;
}

void MessageChannel::State::end_all(const Error& why) {
  if (!ended) {
    ended = why;
  }
  for (const auto& [name, queue] : out) {
    queue->fail_with(why);
    if (queue->stream) {
      asio::co_spawn(executor, finish(*queue->stream), asio::detached);
    }
  }
  for (const auto& [name, queue] : in) {
    queue->fail_with(why);
    if (queue->stream) {
      refuse_stream(*queue->stream, AppError::kCancelled);
    }
  }
  out.clear();
  in.clear();
}

Task<void> MessageChannel::State::watch_connection() {
  const auto self = shared_from_this();
  const Error why = co_await self->connection.closed();
  self->end_all(why);
}

Task<Result<void>> MessageChannel::State::open(std::shared_ptr<OutQueue> queue, std::string name) {
  const auto self = shared_from_this();
  Result<Stream> stream = co_await self->connection.open_stream(StreamType::kMessages);
  if (!stream) {
    co_return fail(std::move(stream).error());
  }
  if (queue->error) {
    co_return fail(*queue->error);
  }
  queue->stream = *stream;
  asio::co_spawn(self->executor, read_credit(queue, *stream), asio::detached);
  co_return co_await stream->write(Chunk(record(MessageRecord::kQueue, as_bytes(name))));
}

Task<Result<void>> MessageChannel::State::send_in_turn(std::shared_ptr<OutQueue> queue,
                                                       std::string name, Chunk message) {
  const auto self = shared_from_this();
  if (!queue->stream) {
    const Result<void> opened = co_await self->open(queue, name);
    if (!opened) {
      co_return fail(opened.error());
    }
  }
  Stream stream = *queue->stream;
  queue->sent += message_cost(message.size());
  if (message.size() <= core::kInlineMessageMax) {
    Bytes head;
    core::append_record_head(head, static_cast<std::uint64_t>(MessageRecord::kInline),
                             message.size());
    if (message.size() <= kCopyMax) {
      append(head, message.view());
      co_return co_await stream.write(Chunk(std::move(head)));
    }
    I2_CO_TRY(co_await stream.write(Chunk(std::move(head))));
    co_return co_await stream.write(std::move(message));
  }
  co_return co_await self->send_bulk(queue, std::move(name), std::move(message));
}

Task<Result<void>> MessageChannel::State::send_bulk(std::shared_ptr<OutQueue> queue,
                                                    std::string name, Chunk message) {
  const auto self = shared_from_this();
  const std::uint64_t number = queue->next_bulk++;
  Result<Stream> bulk = co_await self->connection.open_stream(StreamType::kMessages, false);
  if (!bulk) {
    co_return fail(std::move(bulk).error());
  }
  Stream stream = *queue->stream;
  const Bytes place = core::encode(core::BulkReference{number, message.size()});
  I2_CO_TRY(co_await stream.write(Chunk(record(MessageRecord::kBulk, place))));
  const Bytes head = core::encode(core::BulkHead{number, std::move(name)});
  I2_CO_TRY(co_await bulk->write(Chunk(record(MessageRecord::kBulkHead, head))));
  co_return co_await bulk->write(std::move(message), true);
}

Task<void> MessageChannel::State::serve(Stream stream) {
  const auto self = shared_from_this();
  RecordStream records = records_of(std::move(stream));
  const Result<std::optional<core::Record>> head = co_await records.next();
  if (!head || !*head || self->ended) {
    co_return;
  }
  const ByteView body = (*head)->body;
  std::string name;
  std::uint64_t number = 0;
  const bool is_bulk = (*head)->type == static_cast<std::uint64_t>(MessageRecord::kBulkHead);
  if (is_bulk) {
    if (auto bulk = core::decode_bulk_head(body)) {
      name = std::move(bulk->queue);
      number = bulk->number;
    }
  } else if ((*head)->type == static_cast<std::uint64_t>(MessageRecord::kQueue)) {
    name = core::decode_queue_name(body).value_or("");
  }
  if (name.empty()) {
    refuse_stream(records.stream(), AppError::kProtocol);
    co_return;
  }
  const Result<std::shared_ptr<InQueue>> queue = self->in_queue(name);
  if (!queue) {
    refuse_stream(records.stream(), AppError::kOverloaded);
  } else if (is_bulk) {
    co_await self->read_bulk(*queue, number, std::move(records));
  } else {
    co_await self->read_queue(*queue, std::move(records));
  }
}

Task<void> MessageChannel::State::read_queue(std::shared_ptr<InQueue> queue, RecordStream records) {
  const auto self = shared_from_this();
  if (queue->stream || queue->error || !queue->slots.empty()) {
    refuse_stream(records.stream(), AppError::kProtocol);  // one stream for a queue
    co_return;
  }
  queue->stream = records.stream();
  queue->ended = false;
  queue->received = queue->taken = queue->reported = queue->next_bulk = 0;
  for (;;) {
    Result<std::optional<core::Record>> next = co_await records.next();
    if (!next) {
      queue->fail_with(explain(next.error()));
      break;
    }
    if (!*next) {
      queue->ended = true;
      queue->changed.notify();
      break;
    }
    const Result<void> placed = self->place(*queue, std::move(**next));
    if (!placed) {
      refuse_stream(records.stream(), AppError::kProtocol);
      queue->fail_with(placed.error());
      break;
    }
  }
  queue->stream.reset();
}

// Gives the message of `record` its place behind the others.
Result<void> MessageChannel::State::place(InQueue& queue, core::Record record) {
  const auto type = static_cast<MessageRecord>(record.type);
  if (type != MessageRecord::kInline && type != MessageRecord::kBulk) {
    return {};
  }
  if (queue.received - queue.taken >= limits.window) {
    return fail("stoq.protocol_violation", "the peer sent more messages than it had credit for");
  }
  auto slot = std::make_shared<Slot>();
  if (type == MessageRecord::kInline) {
    slot->message = std::move(record.body);
    slot->size = slot->message.size();
    slot->complete = true;
  } else {
    I2_TRY_VALUE(const auto reference, core::decode_bulk_reference(record.body));
    if (reference.number != queue.next_bulk++) {
      return fail("stoq.protocol_violation", "bulk messages are not numbered in order");
    }
    slot->size = reference.size;
    slot->bulk = reference.number;
  }
  if (slot->size > limits.message_size_max) {
    return fail("stoq.message_too_large",
                "a message of " + std::to_string(slot->size) + " bytes arrived");
  }
  if (held + slot->size > limits.held_max) {
    return fail("stoq.overloaded", "too many bytes wait to be received");
  }
  held += slot->size;
  queue.received += message_cost(slot->size);
  queue.slots.push_back(std::move(slot));
  queue.changed.notify();
  return {};
}

Task<void> MessageChannel::State::read_bulk(std::shared_ptr<InQueue> queue, std::uint64_t number,
                                            RecordStream records) {
  if (queue->parked >= kParkedMax) {
    records.stream().stop(AppError::kOverloaded);
    co_return;
  }
  ++queue->parked;
  std::shared_ptr<Slot> slot = queue->awaiting(number);
  while (!slot && !queue->error && !queue->ended && queue->next_bulk <= number) {
    co_await queue->changed.wait();
    slot = queue->awaiting(number);
  }
  --queue->parked;
  if (!slot) {
    co_return;
  }
  slot->bulk.reset();  // no second stream for it
  for (;;) {
    const Result<Chunk> chunk = co_await records.take(SIZE_MAX);
    if (!chunk) {
      queue->fail_with(explain(chunk.error()));
      co_return;
    }
    if (chunk->size() > slot->size - slot->message.size()) {
      queue->fail_with({"stoq.protocol_violation", "a bulk message is longer than announced"});
      co_return;
    }
    if (chunk->size() == 0) {
      break;
    }
    append(slot->message, chunk->view());
  }
  if (slot->message.size() != slot->size) {
    queue->fail_with({"stoq.protocol_violation", "a bulk message is shorter than announced"});
    co_return;
  }
  slot->complete = true;
  queue->changed.notify();
}

// Tells the sender what the application took: in steps while it keeps up, at once when the queue is
// empty.
Task<void> MessageChannel::State::give_credit(std::shared_ptr<InQueue> queue) {
  const bool due = queue->slots.empty() || queue->taken - queue->reported >= limits.window / 4;
  if (!due || !queue->stream) {
    co_return;
  }
  queue->reported = queue->taken;
  Stream stream = *queue->stream;
  const Bytes credit = core::encode_credit(queue->taken);
  (void)co_await stream.write(Chunk(record(MessageRecord::kCredit, credit)));
}

MessageChannel::MessageChannel(Connection connection)
    : MessageChannel(std::move(connection), Limits{}) {}

MessageChannel::MessageChannel(Connection connection, Limits limits)
    : state_(std::make_shared<State>(std::move(connection), limits)) {
  asio::co_spawn(state_->executor, watch_connection(state_), asio::detached);
}

MessageChannel::~MessageChannel() {
  state_->end_all(channel_closed());
}

Task<void> MessageChannel::watch_connection(std::shared_ptr<State> state) {
  co_await state->watch_connection();
}

Task<void> MessageChannel::serve(std::shared_ptr<State> state, Stream stream) {
  co_await state->serve(std::move(stream));
}

StreamHandler MessageChannel::handler() {
  return [state = state_](Connection connection, Stream stream) {
    I2_ASSERT(connection == state->connection);
    return serve(state, std::move(stream));
  };
}

Task<Result<void>> MessageChannel::send(std::string queue, Chunk message) {
  return send(state_, std::move(queue), std::move(message));
}

Task<Result<void>> MessageChannel::send(std::shared_ptr<State> state, std::string name,
                                        Chunk message) {
  if (message.size() > state->limits.message_size_max) {
    co_return fail("stoq.message_too_large",
                   "a message of " + std::to_string(message.size()) + " bytes; at most " +
                       std::to_string(state->limits.message_size_max) + " can be sent");
  }
  Result<std::shared_ptr<OutQueue>> found = state->out_queue(name);
  if (!found) {
    co_return fail(std::move(found).error());
  }
  const std::shared_ptr<OutQueue> queue = std::move(*found);
  const std::uint64_t ticket = queue->next_ticket++;
  while (!queue->error &&
         (queue->serving != ticket || queue->sent - queue->taken >= state->limits.window)) {
    co_await queue->changed.wait();
  }
  if (queue->error) {
    co_return fail(*queue->error);
  }
  Result<void> sent = co_await state->send_in_turn(queue, std::move(name), std::move(message));
  if (!sent) {
    // A queue with a hole in it is of no use. The credit stream may know better why.
    queue->fail_with(explain(sent.error()));
    co_return fail(*queue->error);
  }
  ++queue->serving;
  queue->changed.notify();
  co_return sent;
}

Task<Result<void>> MessageChannel::flush(std::string queue) {
  return flush(state_, std::move(queue));
}

Task<Result<void>> MessageChannel::flush(std::shared_ptr<State> state, std::string name) {
  Result<std::shared_ptr<OutQueue>> found = state->out_queue(name);
  if (!found) {
    co_return fail(std::move(found).error());
  }
  const std::shared_ptr<OutQueue> queue = std::move(*found);
  const std::uint64_t until = queue->next_ticket;
  while (!queue->error && queue->serving < until) {
    co_await queue->changed.wait();
  }
  const std::uint64_t sent = queue->sent;
  while (!queue->error && queue->taken < sent) {
    co_await queue->changed.wait();
  }
  if (queue->error) {
    co_return fail(*queue->error);
  }
  co_return Result<void>{};
}

Task<Result<Bytes>> MessageChannel::receive(std::string queue) {
  return receive(state_, std::move(queue));
}

Task<Result<Bytes>> MessageChannel::receive(std::shared_ptr<State> state, std::string name) {
  Result<std::shared_ptr<InQueue>> found = state->in_queue(name);
  if (!found) {
    co_return fail(std::move(found).error());
  }
  const std::shared_ptr<InQueue> queue = std::move(*found);
  for (;;) {
    if (!queue->slots.empty() && queue->slots.front()->complete) {
      break;
    }
    if (queue->error) {
      co_return fail(*queue->error);
    }
    if (queue->ended && queue->slots.empty()) {
      co_return fail("stoq.queue_broken", "the peer ended the queue");
    }
    co_await queue->changed.wait();
  }
  Bytes message = std::move(queue->slots.front()->message);
  queue->slots.pop_front();
  queue->taken += message_cost(message.size());
  state->held -= message.size();
  queue->changed.notify();
  co_await state->give_credit(queue);
  co_return message;
}

}  // namespace i2::stoq
