#include "service.h"

#include <i2/rt/clock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <format>

namespace i2::gateway {
namespace asio = boost::asio;

namespace {

// RFC 9110 §5.6.7.
std::string http_date() {
  using std::chrono::seconds;
  const seconds now(rt::SystemClock().unix_now() / 1000);
  return std::format("{:%a, %d %b %Y %T} GMT", std::chrono::sys_time<seconds>(now));
}

}  // namespace

Task<Response> Service::handle(Request request) {
  const Client client = request.client;
  count(client.protocol);
  const bool head = request.method == Method::kHead;
  Response response;
  const auto route = admit(request);
  if (!route) {
    response = problem(route.error());
    if (response.status == 405) {
      if (const auto target = parse_target(request.target)) {
        response.headers.add("allow", router_.allowed(*target));  // RFC 9110 §15.5.6
      }
    }
  } else {
    response = co_await run(*route, std::move(request));
  }
  complete(response, client);
  if (head) {
    response.body.clear();
    response.source = nullptr;
  }
  co_return response;
}

Result<const Route*> Service::admit(Request& request) const {
  I2_TRY_VALUE(Target target, parse_target(request.target));
  if (!target.authority.empty()) {
    request.authority = target.authority;  // RFC 9112 §3.2.2: Host is then ignored
  }
  I2_TRY(access_.check_names(request));
  I2_TRY_VALUE(Caller caller, access_.identify(request));
  I2_TRY_VALUE(Router::Match match, router_.find(request.method, target));
  I2_TRY(Access::require(match.route->role, caller.role));
  if (request.body.size() > limits_.body_size_max) {
    return fail("gateway.body_too_large",
                "a body has at most " + std::to_string(limits_.body_size_max) + " bytes");
  }
  request.path = target.path();
  request.query = std::move(target.query);
  request.captured = std::move(match.captured);
  request.token = std::move(caller.token);
  request.from_member = caller.member;
  return match.route;
}

Task<Response> Service::run(const Route* route, Request request) {
  std::optional<Response> out;
  ++counters_.running;
  try {
    out =
        co_await asio::co_spawn(handlers_, route->handler(std::move(request)), asio::use_awaitable);
  } catch (const std::exception&) {
    // A mistake of this program; the client learns no more than that.
    out = problem(Error("gateway.internal", "the resource failed"), 500);
  }
  --counters_.running;
  co_return std::move(*out);
}

Response Service::refuse(const Error& error, const Client& client) const {
  count(client.protocol);
  Response out = problem(error);
  complete(out, client);
  return out;
}

void Service::complete(Response& response, const Client& client) const {
  if (response.status >= 500) {
    ++counters_.failed;
  } else if (response.status >= 400) {
    ++counters_.refused;
  }
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!response.headers.find(name)) {
      response.headers.add(name, std::string(value));
    }
  };
  add("cache-control", "no-store");
  add("date", http_date());
  add("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  add("referrer-policy", "no-referrer");
  add("x-content-type-options", "nosniff");
  if (!alt_svc_.empty() && client.encrypted && client.protocol != Protocol::kHttp3) {
    add("alt-svc", alt_svc_);  // RFC 7838 §3
  }
  if (response.source) {
    response.source = guarded(std::move(response.source));
  } else if (response.status != 204) {
    add("content-length", std::to_string(response.body.size()));
  }
}

// The pieces are made where the handlers run, and end when the gateway does.
BodySource Service::guarded(BodySource source) const {
  return [this, source = std::move(source)]() -> Task<std::optional<std::string>> {
    return [](const Service* self, BodySource next) -> Task<std::optional<std::string>> {
      if (self->stopping_) {
        co_return std::nullopt;
      }
      try {
        co_return co_await asio::co_spawn(self->handlers_, next(), asio::use_awaitable);
      } catch (const std::exception&) {
        co_return std::nullopt;
      }
    }(this, source);
  };
}

}  // namespace i2::gateway
