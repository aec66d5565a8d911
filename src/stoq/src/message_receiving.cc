// The receiving half of a MessageChannel.
#include "message_channel.h"

namespace i2::stoq {

namespace {

using core::message_cost;
using core::MessageRecord;

// Bulk streams of one queue that arrived before the record that places them.
constexpr std::size_t kParkedMax = 64;

}  // namespace

Task<void> MessageChannel::State::serve(Stream stream) {
  const auto self = shared_from_this();
  RecordStream records = message_records_of(std::move(stream));
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
  auto slot = std::make_shared<MessageSlot>();
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
  std::shared_ptr<MessageSlot> slot = queue->awaiting(number);
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
  (void)co_await stream.write(Chunk(message_record(MessageRecord::kCredit, credit)));
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
