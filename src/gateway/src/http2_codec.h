// HTTP/2 (RFC 9113), server side, sans I/O: bytes of the connection in, requests out; responses
// in, bytes out. nghttp2 does frames and HPACK.
#pragma once

#include <map>
#include <memory>

#include "message.h"

struct nghttp2_session;

namespace i2::gateway {

class Http2Codec final : public ResponseSink {
 public:
  // `listener` and `limits` outlive it. Error: gateway.http2.
  [[nodiscard]] static Result<std::unique_ptr<Http2Codec>> create(const ServiceLimits& limits,
                                                                  const Client& client,
                                                                  RequestListener& listener);
  ~Http2Codec();
  Http2Codec(const Http2Codec&) = delete;
  Http2Codec& operator=(const Http2Codec&) = delete;

  // Error: the connection is over once next_output() has nothing left.
  [[nodiscard]] Result<void> read(ByteView bytes);
  // The next bytes to send; valid until the next call. Empty: nothing now.
  [[nodiscard]] Result<ByteView> next_output();
  // GOAWAY: streams that come now are refused, those under way are served.
  void shut_down();
  // Nothing more is to be read or written.
  [[nodiscard]] bool finished() const;
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
    bool complete = false;  // or refused: nothing more of the request counts
    bool responded = false;
    bool waiting = false;  // nghttp2 asked for more body than there was
  };
  friend struct Http2Callbacks;
  Http2Codec(const ServiceLimits& limits, const Client& client, RequestListener& listener)
      : limits_(limits), client_(client), listener_(listener) {}
  [[nodiscard]] Exchange* find(StreamId stream);
  void finish_request(StreamId stream);
  void refuse_if_due(StreamId stream, Exchange& exchange);

  const ServiceLimits& limits_;
  const Client client_;
  RequestListener& listener_;
  nghttp2_session* session_ = nullptr;
  std::map<StreamId, Exchange> exchanges_;
};

}  // namespace i2::gateway
