// What every request goes through, whatever the protocol it came by: its target, names, role and
// route, then the handler; and what every response gets.
#pragma once

#include <i2/gateway/access.h>
#include <i2/gateway/problem.h>
#include <i2/gateway/router.h>

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <string>

namespace i2::gateway {

struct ServiceLimits {
  std::size_t headers_size_max = 16 * 1024;  // names and values of one request
  std::size_t headers_count_max = 64;
  std::size_t body_size_max = 1024 * 1024;
};

struct ServiceCounters {
  // Written on many executors. By Protocol.
  std::array<std::atomic<std::uint64_t>, 3> requests{};
  std::atomic<std::uint64_t> refused{0};  // answered with 4xx
  std::atomic<std::uint64_t> failed{0};   // answered with 5xx
  std::atomic<std::size_t> running{0};    // in a handler now
};

class Service {
 public:
  // Handlers and body sources run on `handlers`. `alt_svc` is for the clients of the gateway's TCP
  // port; empty: none.
  Service(Router router, Access access, ServiceLimits limits, std::string alt_svc,
          boost::asio::any_io_executor handlers)
      : router_(std::move(router)),
        access_(std::move(access)),
        limits_(limits),
        alt_svc_(std::move(alt_svc)),
        handlers_(std::move(handlers)) {}
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Never fails: what goes wrong is a problem response. On the caller's executor.
  [[nodiscard]] Task<Response> handle(Request request);
  // A response that no request reached, with the common headers.
  [[nodiscard]] Response refuse(const Error& error, const Client& client) const;
  [[nodiscard]] const ServiceLimits& limits() const { return limits_; }
  [[nodiscard]] const ServiceCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t running() const { return counters_.running; }

  // Ends the bodies that are made while they are sent.
  void stop() { stopping_ = true; }

 private:
  [[nodiscard]] Result<const Route*> admit(Request& request) const;
  [[nodiscard]] Task<Response> run(const Route* route, Request request);
  void count(Protocol protocol) const { ++counters_.requests[static_cast<std::size_t>(protocol)]; }
  void complete(Response& response, const Client& client) const;
  [[nodiscard]] BodySource guarded(BodySource source) const;

  const Router router_;
  const Access access_;
  const ServiceLimits limits_;
  const std::string alt_svc_;
  const boost::asio::any_io_executor handlers_;
  mutable ServiceCounters counters_;
  std::atomic<bool> stopping_{false};
};

}  // namespace i2::gateway
