#include "exchanges.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace i2::gateway {
namespace asio = boost::asio;

void Exchanges::detach() {
  sink_ = nullptr;
  drained_.notify();
  wake();
}

Task<void> Exchanges::wait_for_output() {
  while (!awake_) {
    co_await output_.wait();
  }
  awake_ = false;
}

void Exchanges::on_request(StreamId stream, Request request) {
  ++running_;
  asio::co_spawn(executor_, run(shared_from_this(), stream, std::move(request)), asio::detached);
}

void Exchanges::on_refused(StreamId stream, Error error) {
  const Response response = service_->refuse(error, client_);
  if (sink_ != nullptr) {
    sink_->respond(stream, response, true);
    wake();
  }
}

void Exchanges::on_gone(StreamId) {
  drained_.notify();
}

Task<void> Exchanges::run(std::shared_ptr<Exchanges> self, StreamId stream, Request request) {
  // Kept by the requests too: the service must outlive them.
  const std::shared_ptr<Service> service = self->service_;
  Response response = co_await service->handle(std::move(request));
  if (self->is_open(stream)) {
    self->sink_->respond(stream, response, !response.source);
    self->wake();
  }
  while (response.source && self->is_open(stream)) {
    std::optional<std::string> piece = co_await response.source();
    if (!self->is_open(stream)) {
      break;
    }
    const bool end = !piece;
    self->sink_->append(stream, piece ? std::move(*piece) : std::string(), end);
    self->wake();
    if (end) {
      break;
    }
    while (self->is_open(stream) && self->sink_->queued(stream) > 0) {
      co_await self->drained_.wait();
    }
  }
  --self->running_;
  self->drained_.notify();
}

}  // namespace i2::gateway
