// Requests and services for tests.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "service.h"

namespace i2::gateway::test {

inline stoq::core::SocketAddress loopback() {
  stoq::core::SocketAddress out;
  out.ip.back() = 1;
  out.port = 50'000;
  return out;
}
inline stoq::core::SocketAddress stranger() {
  stoq::core::SocketAddress out;
  out.ip = {0xfd, 0, 0, 1};
  out.port = 50'000;
  return out;
}

inline Request request_for(std::string target, Method method = Method::kGet) {
  Request out;
  out.method = method;
  out.method_text = name_of(method);
  out.scheme = "http";
  out.authority = "localhost:9292";
  out.target = std::move(target);
  out.client.address = loopback();
  return out;
}

// Runs `task` on `context` until it is done.
template <class T>
T run(boost::asio::io_context& context, Task<T> task) {
  auto result = boost::asio::co_spawn(context, std::move(task), boost::asio::use_future);
  context.restart();
  context.run();
  EXPECT_EQ(result.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  return result.get();
}

inline Handler answering(std::string text) {
  return [text = std::move(text)](const Request&) -> Task<Response> {
    return [](std::string body) -> Task<Response> {
      co_return text_response(std::move(body), "text/plain");
    }(text);
  };
}

}  // namespace i2::gateway::test
