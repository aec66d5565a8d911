// HTTP/3 on a QUIC connection: every stream has a coroutine that reads, one more writes to all.
#include <i2/rt/clock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>

#include "exchanges.h"
#include "http3_codec.h"
#include "sessions.h"

namespace i2::gateway {
namespace asio = boost::asio;

namespace {

constexpr std::uint64_t kStreamsAhead = 100;  // as http3_profile() allows
constexpr std::chrono::seconds kLook{5};      // at how busy the client is

class Http3Session : public std::enable_shared_from_this<Http3Session> {
 public:
  Http3Session(stoq::Connection connection, std::shared_ptr<Service> service, SessionTimes times)
      : connection_(std::move(connection)),
        service_(std::move(service)),
        times_(times),
        client_{.address = connection_.path().addresses.remote,
                .protocol = Protocol::kHttp3,
                .encrypted = true,
                .certificate = connection_.peer_leaf(),
                .chain = connection_.peer_chain()},
        exchanges_(std::make_shared<Exchanges>(connection_.executor(), service_, client_)),
        written_(connection_.executor()) {}

  [[nodiscard]] Task<void> run();

 private:
  [[nodiscard]] Result<StreamId> open_own();
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Task<void> write_all();
  static Task<void> read_stream(std::shared_ptr<Http3Session> self, stoq::Stream stream);
  static Task<void> write_loop(std::shared_ptr<Http3Session> self);
  static Task<void> watch(std::shared_ptr<Http3Session> self);
  void end_connection(const Error& error);
  void carry_out_aborts();

  stoq::Connection connection_;
  const std::shared_ptr<Service> service_;
  const SessionTimes times_;
  const Client client_;
  const std::shared_ptr<Exchanges> exchanges_;
  std::unique_ptr<Http3Codec> codec_;  // null once the connection is over
  std::map<StreamId, stoq::Stream> streams_;
  rt::SystemClock clock_;
  rt::Signal written_;  // the end of some stream was sent
  std::map<StreamId, bool> ended_;
};

Result<StreamId> Http3Session::open_own() {
  I2_TRY_VALUE(stoq::Stream stream, connection_.try_open_raw_stream(false));
  const StreamId id = stream.id();
  streams_.emplace(id, std::move(stream));
  return id;
}

Result<void> Http3Session::start() {
  Http3Codec::Streams own{};
  // RFC 9114 §6.2.1, RFC 9204 §4.2: a control stream and two of QPACK, each of them once.
  I2_TRY_VALUE(own.control, open_own());
  I2_TRY_VALUE(own.encoder, open_own());
  I2_TRY_VALUE(own.decoder, open_own());
  I2_TRY_VALUE(codec_, Http3Codec::create(service_->limits(), client_, own, *exchanges_));
  codec_->allow_streams(kStreamsAhead);
  exchanges_->attach(codec_.get());
  return {};
}

Task<void> Http3Session::run() {
  if (const auto started = start(); !started) {
    connection_.close_with(NGHTTP3_H3_STREAM_CREATION_ERROR);
    co_return;
  }
  asio::co_spawn(connection_.executor(), write_loop(shared_from_this()), asio::detached);
  asio::co_spawn(connection_.executor(), watch(shared_from_this()), asio::detached);
  exchanges_->wake();
  std::uint64_t accepted = 0;
  for (;;) {
    Result<stoq::Stream> stream = co_await connection_.accept_stream();
    if (!stream) {
      break;
    }
    if ((stream->id() & 0x2) == 0 && codec_ != nullptr) {
      codec_->allow_streams(++accepted + kStreamsAhead);
    }
    streams_.emplace(stream->id(), *stream);
    asio::co_spawn(connection_.executor(), read_stream(shared_from_this(), std::move(*stream)),
                   asio::detached);
  }
  exchanges_->detach();
  codec_.reset();
  streams_.clear();
  written_.notify();
  while (exchanges_->running() > 0) {
    co_await rt::sleep_for(std::chrono::milliseconds(20));
  }
}

// QUIC's idle timeout does not end a client that is there and asks for nothing, or never comes to
// the end of asking.
Task<void> Http3Session::watch(std::shared_ptr<Http3Session> self) {
  Timestamp busy_at = self->clock_.now();
  while (self->codec_ != nullptr) {
    co_await rt::sleep_for(kLook);
    const Timestamp now = self->clock_.now();
    if (self->exchanges_->running() > 0) {
      busy_at = now;
    } else if (self->codec_ != nullptr && now - busy_at > self->times_.idle) {
      self->connection_.close_with(NGHTTP3_H3_NO_ERROR, "no request for too long");
    }
  }
}

void Http3Session::end_connection(const Error& error) {
  connection_.close_with(static_cast<std::uint64_t>(error.native()), error.message());
}

Task<void> Http3Session::read_stream(std::shared_ptr<Http3Session> self, stoq::Stream stream) {
  const StreamId id = stream.id();
  std::uint64_t code = NGHTTP3_H3_NO_ERROR;
  for (;;) {
    Result<stoq::Chunk> piece = co_await stream.read();
    if (self->codec_ == nullptr) {
      co_return;
    }
    if (!piece) {
      if (!piece.error().is("stoq.stream_reset")) {
        break;  // this side gave it up, or the connection ended
      }
      code = static_cast<std::uint64_t>(piece.error().native());
      self->ended_[id] = true;
      break;
    }
    const bool end = piece->size() == 0;
    const auto read = self->codec_->read(id, piece->view(), end, self->clock_.now());
    self->carry_out_aborts();
    self->exchanges_->wake();
    if (!read) {
      self->end_connection(read.error());
      co_return;
    }
    if (end) {
      break;
    }
  }
  // The response may still be on its way out. A unidirectional stream has none.
  const bool answers = (id & 0x2) == 0;
  while (answers && self->codec_ != nullptr && !self->ended_[id] && !stream.peer_stopped()) {
    co_await self->written_.wait();
  }
  if (self->codec_ != nullptr) {
    if (const auto closed = self->codec_->close_stream(id, code); !closed) {
      self->end_connection(closed.error());
    }
  }
  self->ended_.erase(id);
  self->streams_.erase(id);
}

void Http3Session::carry_out_aborts() {
  for (const Http3Codec::Abort& abort : codec_->take_aborts()) {
    const auto found = streams_.find(abort.stream);
    if (found == streams_.end()) {
      continue;
    }
    if (abort.reading) {
      found->second.stop_with(abort.code);
    } else {
      found->second.reset_with(abort.code);
      ended_[abort.stream] = true;
      written_.notify();
    }
  }
}

Task<void> Http3Session::write_all() {
  while (codec_ != nullptr) {
    auto output = codec_->next_output();
    if (!output) {
      end_connection(output.error());
      co_return;
    }
    if (!*output) {
      exchanges_->drained();
      co_return;
    }
    Http3Codec::Output& next = **output;
    const auto found = streams_.find(next.stream);
    if (found == streams_.end()) {
      continue;  // its reader has seen a reset
    }
    stoq::Stream stream = found->second;
    const auto written = co_await stream.write(stoq::Chunk(std::move(next.bytes)), next.end);
    if (next.end || !written) {
      ended_[next.stream] = true;
      written_.notify();
    }
  }
}

Task<void> Http3Session::write_loop(std::shared_ptr<Http3Session> self) {
  while (self->codec_ != nullptr) {
    co_await self->exchanges_->wait_for_output();
    co_await self->write_all();
  }
}

}  // namespace

Task<void> serve_http3(stoq::Connection connection, std::shared_ptr<Service> service,
                       SessionTimes times) {
  const auto session =
      std::make_shared<Http3Session>(std::move(connection), std::move(service), times);
  co_await session->run();
}

}  // namespace i2::gateway
