// HTTP/3 (RFC 9114) over raw QUIC streams, server side, sans I/O: bytes of streams in, requests
// out; responses in, bytes for streams out. nghttp3 does frames and QPACK.
#pragma once

#include <i2/base/clock.h>
#include <nghttp3/nghttp3.h>

#include <map>
#include <memory>
#include <vector>

#include "message.h"

namespace i2::gateway {

class Http3Codec final : public ResponseSink {
 public:
  struct Streams {  // that this side opened
    StreamId control;
    StreamId encoder;
    StreamId decoder;
  };
  // `listener` and `limits` outlive it. Error: gateway.http3.
  [[nodiscard]] static Result<std::unique_ptr<Http3Codec>> create(const ServiceLimits& limits,
                                                                  const Client& client,
                                                                  const Streams& streams,
                                                                  RequestListener& listener);
  ~Http3Codec();
  Http3Codec(const Http3Codec&) = delete;
  Http3Codec& operator=(const Http3Codec&) = delete;

  // Bytes that the peer sent on a stream. Error: the connection must be closed; native() is the
  // code to do it with.
  [[nodiscard]] Result<void> read(StreamId stream, ByteView bytes, bool end, Timestamp now);
  // The transport is done with the stream, or the peer reset it. Error: as read().
  [[nodiscard]] Result<void> close_stream(StreamId stream, std::uint64_t code);
  // How many streams the client may have opened so far, in all.
  void allow_streams(std::uint64_t count);
  // GOAWAY: streams that come now are refused, those under way are served.
  void shut_down();

  struct Output {
    StreamId stream = -1;
    Bytes bytes;
    bool end = false;
  };
  // The next bytes to send, in this order; none: nothing now. Error: as read().
  [[nodiscard]] Result<std::optional<Output>> next_output();
  // Streams to be stopped (`reading`) or reset with a code.
  struct Abort {
    StreamId stream;
    std::uint64_t code;
    bool reading;
  };
  [[nodiscard]] std::vector<Abort> take_aborts() { return std::exchange(aborts_, {}); }
  [[nodiscard]] std::size_t open_requests() const { return exchanges_.size(); }

  void respond(StreamId stream, const Response& response, bool end) override;
  void append(StreamId stream, std::string piece, bool end) override;
  [[nodiscard]] bool is_open(StreamId stream) const override;
  [[nodiscard]] std::size_t queued(StreamId stream) const override;

 private:
  struct Exchange {
    explicit Exchange(RequestBuilder request_builder) : builder(std::move(request_builder)) {}
    RequestBuilder builder;
    OutgoingBody body;
    std::deque<std::string> sending;  // given to nghttp3, which points into them
    bool refused = false;
    bool responded = false;
  };
  Http3Codec(const ServiceLimits& limits, const Client& client, RequestListener& listener)
      : limits_(limits), client_(client), listener_(listener) {}
  static nghttp3_callbacks callbacks();
  [[nodiscard]] Exchange* find(StreamId stream);
  void refuse_if_due(StreamId stream, Exchange& exchange);
  nghttp3_ssize provide(StreamId stream, nghttp3_vec* out, std::uint32_t* flags);
  [[nodiscard]] std::unexpected<Error> broken(std::int64_t code) const;

  const ServiceLimits& limits_;
  const Client client_;
  RequestListener& listener_;
  nghttp3_conn* connection_ = nullptr;
  std::map<StreamId, Exchange> exchanges_;
  std::vector<Abort> aborts_;
};

}  // namespace i2::gateway
