// Connection and Stream: the coroutine face of one core connection.
#include "worker_transport.h"

namespace i2::stoq {

namespace {

// Bytes that may wait in one stream's queue before write() makes its caller wait.
constexpr std::size_t kUnsentMax = 4 * 1024 * 1024;

std::unexpected<Error> not_sending(const StreamHandle& stream) {
  return fail("stoq.stream_closed",
              stream.stopped ? "the peer asked to stop sending" : "this side reset the stream");
}

}  // namespace

boost::asio::any_io_executor Connection::executor() const {
  return state_->executor;
}
bool Connection::is_open() const {
  return state_->established && !state_->close_error;
}
bool Connection::is_client() const {
  return state_->client;
}
ports::LeafStanding Connection::leaf_standing() const {
  return state_->leaf_standing;
}
const std::string& Connection::alpn() const {
  return state_->alpn;
}
const crypto::Certificate& Connection::local_leaf() const {
  return state_->local_leaf;
}
const crypto::Certificate& Connection::peer_leaf() const {
  return state_->peer_leaf;
}
const std::vector<crypto::Certificate>& Connection::peer_chain() const {
  return state_->peer_chain;
}
const ports::PeerIdentity& Connection::peer() const {
  return state_->peer;
}
const NodeId& Connection::local_node() const {
  return state_->local_node;
}
SecurityInfo Connection::security() const {
  return state_->security;
}

PathInfo Connection::path() const {
  const auto core = state_->core();
  return core ? core->path() : state_->last_path;
}

Result<Stream> Connection::try_open_stream(StreamType type, bool bidirectional) {
  auto core = state_->core();
  if (!core) {
    return state_->ended();
  }
  I2_TRY_VALUE(const auto id, core->open_stream(type, bidirectional));
  auto handle = std::make_shared<StreamHandle>(state_, id);
  handle->type = static_cast<std::uint64_t>(type);
  return Stream(std::move(handle));
}

Task<Result<Stream>> Connection::open_stream(StreamType type, bool bidirectional) {
  Connection self = *this;
  for (;;) {
    Result<Stream> stream = self.try_open_stream(type, bidirectional);
    if (stream || !stream.error().is("stoq.streams_exhausted")) {
      co_return stream;
    }
    co_await self.state_->changed.wait();
  }
}

Result<Stream> Connection::try_open_raw_stream(bool bidirectional) {
  auto core = state_->core();
  if (!core) {
    return state_->ended();
  }
  I2_TRY_VALUE(const auto id, core->open_raw_stream(bidirectional));
  return Stream(std::make_shared<StreamHandle>(state_, id));
}

Task<Result<Stream>> Connection::open_raw_stream(bool bidirectional) {
  Connection self = *this;
  for (;;) {
    Result<Stream> stream = self.try_open_raw_stream(bidirectional);
    if (stream || !stream.error().is("stoq.streams_exhausted")) {
      co_return stream;
    }
    co_await self.state_->changed.wait();
  }
}

Task<Result<Stream>> Connection::accept_stream() {
  const auto state = state_;
  while (!state->close_error && state->incoming.empty()) {
    co_await state->stream_opened.wait();
  }
  auto core = state->core();
  if (!core) {
    co_return state->ended();
  }
  const std::int64_t id = state->incoming.front();
  state->incoming.pop_front();
  auto handle = std::make_shared<StreamHandle>(state, id);
  handle->type = core->stream_type(id).value_or(0);
  co_return Stream(std::move(handle));
}

Result<void> Connection::send_datagram(Chunk data) {
  auto core = state_->core();
  if (!core) {
    return state_->ended();
  }
  I2_TRY(core->send_datagram(std::move(data)));
  state_->worker->request_flush();
  return {};
}

std::size_t Connection::datagram_size_max() const {
  const auto core = state_->core();
  return core ? core->datagram_size_max() : 0;
}

Task<Result<Chunk>> Connection::receive_datagram() {
  const auto state = state_;
  for (;;) {
    auto core = state->core();
    if (!core) {
      co_return state->ended();
    }
    if (auto datagram = core->take_datagram()) {
      co_return std::move(*datagram);
    }
    co_await state->datagram.wait();
  }
}

Task<Result<Duration>> Connection::ping() {
  const auto state = state_;
  auto core = state->core();
  if (!core) {
    co_return state->ended();
  }
  const std::uint64_t sequence = state->next_ping++;
  I2_CO_TRY(core->ping(sequence, state->worker->now()));
  state->worker->request_flush();
  struct Waiting {  // also when the waiting coroutine is destroyed
    ConnectionState& connection;
    std::uint64_t sequence;
    Waiting(ConnectionState& owner, std::uint64_t number) : connection(owner), sequence(number) {
      connection.pings[sequence] = std::nullopt;
    }
    ~Waiting() { connection.pings.erase(sequence); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
  } const waiting(*state, sequence);
  for (;;) {
    if (const auto round_trip = state->pings[sequence]) {
      co_return *round_trip;
    }
    if (state->close_error) {
      co_return state->ended();
    }
    co_await state->pong.wait();
  }
}

Result<Bytes> Connection::export_keying_material(std::string_view label, ByteView context,
                                                 std::size_t size) const {
  const auto core = state_->core();
  if (!core) {
    return state_->ended();
  }
  return core->export_keying_material(label, context, size);
}

void Connection::close(AppError code) {
  if (auto core = state_->core()) {
    core->close(static_cast<std::uint64_t>(code), core::describe(static_cast<std::uint64_t>(code)));
    state_->worker->request_flush();
  }
}

void Connection::close_with(std::uint64_t code, const std::string& reason) {
  if (auto core = state_->core()) {
    core->close(code, reason);
    state_->worker->request_flush();
  }
}

Task<Error> Connection::closed() {
  const auto state = state_;
  while (!state->close_error) {
    co_await state->changed.wait();
  }
  co_return *state->close_error;
}

std::uint64_t Stream::type() const {
  return handle_->type;
}
std::int64_t Stream::id() const {
  return handle_->id;
}

Task<Result<void>> Stream::write(Chunk data, bool fin) {
  const auto handle = handle_;
  {
    auto core = handle->connection->core();
    if (!core) {
      co_return handle->connection->ended();
    }
    I2_CO_TRY(core->write(handle->id, std::move(data), fin));
    handle->connection->worker->request_flush();
    if (core->unsent(handle->id) <= kUnsentMax) {
      co_return Result<void>{};
    }
  }
  for (;;) {
    auto core = handle->connection->core();
    if (!core) {
      co_return handle->connection->ended();
    }
    if (handle->stopped || handle->reset) {
      co_return not_sending(*handle);
    }
    if (core->unsent(handle->id) <= kUnsentMax) {
      co_return Result<void>{};
    }
    core->want_writable(handle->id);
    co_await handle->changed.wait();
  }
}

Task<Result<void>> Stream::flush() {
  const auto handle = handle_;
  for (;;) {
    auto core = handle->connection->core();
    if (!core) {
      co_return handle->connection->ended();
    }
    if (handle->stopped || handle->reset) {
      co_return not_sending(*handle);
    }
    if (core->unacknowledged(handle->id) == 0) {
      co_return Result<void>{};
    }
    core->want_acknowledged(handle->id);
    co_await handle->changed.wait();
  }
}

Task<Result<Chunk>> Stream::read(std::size_t size_max) {
  const auto handle = handle_;
  for (;;) {
    auto core = handle->connection->core();
    if (!core) {
      co_return handle->connection->ended();
    }
    I2_CO_TRY_VALUE(core::ReadResult result, core->read(handle->id, size_max));
    if (result.data.size() > 0) {
      handle->connection->worker->request_flush();  // credit for the peer
      co_return std::move(result.data);
    }
    if (result.finished) {
      co_return Chunk{};
    }
    if (result.reset) {
      co_return fail("stoq.stream_reset",
                     "the peer reset the stream: " + std::string(core::describe(*result.reset)),
                     static_cast<std::int64_t>(*result.reset));
    }
    co_await handle->changed.wait();
  }
}

Task<Result<Bytes>> Stream::read_exactly(std::size_t size) {
  Bytes out;
  out.reserve(size);
  while (out.size() < size) {
    Result<Chunk> chunk = co_await read(size - out.size());
    if (!chunk) {
      co_return fail(std::move(chunk).error());
    }
    if (chunk->size() == 0) {
      co_return fail("stoq.stream_ended", "the peer ended the stream after " +
                                              std::to_string(out.size()) + " of " +
                                              std::to_string(size) + " bytes");
    }
    append(out, chunk->view());
  }
  co_return std::move(out);
}

void Stream::reset(AppError code) {
  reset_with(static_cast<std::uint64_t>(code));
}
void Stream::stop(AppError code) {
  stop_with(static_cast<std::uint64_t>(code));
}

void Stream::reset_with(std::uint64_t code) {
  if (auto core = handle_->connection->core()) {
    core->reset_stream(handle_->id, code);
    handle_->reset = true;
    handle_->connection->worker->request_flush();
    handle_->changed.notify();
  }
}

void Stream::stop_with(std::uint64_t code) {
  if (auto core = handle_->connection->core()) {
    core->stop_sending(handle_->id, code);
    handle_->connection->worker->request_flush();
    handle_->changed.notify();
  }
}

bool Stream::peer_stopped() const {
  return handle_->stopped;
}

Task<void> Stream::changed() {
  const auto handle = handle_;
  if (auto core = handle->connection->core()) {
    core->want_stopped(handle->id);
  }
  co_await handle->changed.wait();
}

void Stream::wake() {
  handle_->changed.notify();
}

void Stream::set_priority(std::uint8_t priority) {
  if (auto core = handle_->connection->core()) {
    core->set_priority(handle_->id, priority);
  }
}

}  // namespace i2::stoq
