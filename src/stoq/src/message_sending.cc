// The sending half of a MessageChannel.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "message_channel.h"

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

using core::message_cost;
using core::MessageRecord;

// Copying so little is cheaper than another chunk in the send queue.
constexpr std::size_t kCopyMax = 1024;

// Reads the peer's credit until its queue stream ends.
Task<void> read_credit(std::shared_ptr<OutQueue> queue, Stream stream) {
  RecordStream records = message_records_of(std::move(stream));
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
  co_return co_await stream->write(Chunk(message_record(MessageRecord::kQueue, as_bytes(name))));
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
  I2_CO_TRY(co_await stream.write(Chunk(message_record(MessageRecord::kBulk, place))));
  const Bytes head = core::encode(core::BulkHead{number, std::move(name)});
  I2_CO_TRY(co_await bulk->write(Chunk(message_record(MessageRecord::kBulkHead, head))));
  co_return co_await bulk->write(std::move(message), true);
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

}  // namespace i2::stoq
