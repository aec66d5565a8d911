#include <i2/base/assert.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "message_channel.h"

namespace i2::stoq {
namespace asio = boost::asio;

static_assert(kInlineMessageMax == core::kInlineMessageMax);

namespace {

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

}  // namespace

Bytes message_record(core::MessageRecord type, ByteView body) {
  Bytes out;
  core::append_record(out, static_cast<std::uint64_t>(type), body);
  return out;
}

RecordStream message_records_of(Stream stream) {
  return {std::move(stream),
          {.type_max = core::kMessageRecordMax, .body_max = core::kInlineMessageMax}};
}

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

MessageChannel::MessageChannel(Connection connection)
    : MessageChannel(std::move(connection), Limits{}) {}

MessageChannel::MessageChannel(Connection connection, Limits limits)
    : state_(std::make_shared<State>(std::move(connection), limits)) {
  asio::co_spawn(state_->executor, watch_connection(state_), asio::detached);
}

// NOLINTNEXTLINE(bugprone-exception-escape): what throws here is a defect
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
  return [state = state_](const Connection& connection, Stream stream) {
    I2_ASSERT(connection == state->connection);
    return serve(state, std::move(stream));
  };
}

}  // namespace i2::stoq
