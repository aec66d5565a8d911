// The requests under way of one multiplexed connection: each runs as a coroutine of its own.
#pragma once

#include <i2/rt/signal.h>

#include <memory>

#include "message.h"

namespace i2::gateway {

// Everything on the connection's executor. Shared with the coroutines of its requests, which may
// outlive the connection's.
class Exchanges final : public RequestListener, public std::enable_shared_from_this<Exchanges> {
 public:
  Exchanges(const boost::asio::any_io_executor& executor, std::shared_ptr<Service> service,
            const Client& client)
      : executor_(executor),
        service_(std::move(service)),
        client_(client),
        output_(executor),
        drained_(executor) {}

  // The codec may be gone before its requests are.
  void attach(ResponseSink* sink) { sink_ = sink; }
  void detach();

  // There is something to send.
  void wake() {
    awake_ = true;
    output_.notify();
  }
  [[nodiscard]] Task<void> wait_for_output();
  // Everything queued was taken by the network.
  void drained() { drained_.notify(); }
  [[nodiscard]] std::size_t running() const { return running_; }

  void on_request(StreamId stream, Request request) override;
  void on_refused(StreamId stream, Error error) override;
  void on_gone(StreamId stream) override;

 private:
  static Task<void> run(std::shared_ptr<Exchanges> self, StreamId stream, Request request);
  [[nodiscard]] bool is_open(StreamId stream) const {
    return sink_ != nullptr && sink_->is_open(stream);
  }

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Service> service_;
  const Client client_;
  ResponseSink* sink_ = nullptr;
  rt::Signal output_;
  rt::Signal drained_;
  std::size_t running_ = 0;
  bool awake_ = false;
};

}  // namespace i2::gateway
