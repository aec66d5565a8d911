// What HTTP/2 and HTTP/3 connections have in common, sans I/O: requests put together from fields
// and pieces of body, responses queued for the network.
#pragma once

#include <i2/gateway/http.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "service.h"

namespace i2::gateway {

using StreamId = std::int64_t;

// Puts one request together and enforces the limits while it comes.
class RequestBuilder {
 public:
  RequestBuilder(const ServiceLimits& limits, const Client& client) : limits_(&limits) {
    request_.client = client;
  }
  // Field names are lower case (RFC 9113 §8.2, RFC 9114 §4.2), checked by the codec.
  void field(std::string_view name, std::string_view value);
  void body(std::string_view bytes);
  // Why the request is refused, as soon as that is known.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  // Error: gateway.headers_too_large, gateway.body_too_large, gateway.request_malformed.
  [[nodiscard]] Result<Request> finish();

 private:
  const ServiceLimits* limits_;
  Request request_;
  std::size_t fields_ = 0;
  std::size_t size_ = 0;
  bool seen_method_ = false;
  std::optional<Error> error_;
};

// A body on its way out.
class OutgoingBody {
 public:
  void push(std::string piece, bool end);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool ended() const { return ended_; }
  // At most `size_max` bytes off the front.
  [[nodiscard]] std::string take(std::size_t size_max);

 private:
  std::deque<std::string> pieces_;
  std::size_t offset_ = 0;  // into the first piece
  std::size_t size_ = 0;
  bool ended_ = false;
};

// Told by a codec about the requests of its connection.
class RequestListener {
 public:
  virtual void on_request(StreamId stream, Request request) = 0;
  // The client broke a limit; it is owed a response.
  virtual void on_refused(StreamId stream, Error error) = 0;
  // The stream is gone; responses to it go nowhere.
  virtual void on_gone(StreamId stream) = 0;

 protected:
  ~RequestListener() = default;
};

// The sending side of a codec, as an exchange uses it. All of them do nothing for a stream that is
// gone.
class ResponseSink {
 public:
  // Without `end` the body follows by append().
  virtual void respond(StreamId stream, const Response& response, bool end) = 0;
  virtual void append(StreamId stream, std::string piece, bool end) = 0;
  [[nodiscard]] virtual bool is_open(StreamId stream) const = 0;
  [[nodiscard]] virtual std::size_t queued(StreamId stream) const = 0;

 protected:
  ~ResponseSink() = default;
};

}  // namespace i2::gateway
