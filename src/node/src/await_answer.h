// Waiting for what a callback brings.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>

#include "tasks.h"

namespace i2::node {

// What `start` passes to its argument, once and on any thread; resumes on the caller's executor.
template <class T>
[[nodiscard]] Task<T> answer_of(std::function<void(std::function<void(T)>)> start) {
  namespace asio = boost::asio;
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(T)>(
      [](auto handler, const std::function<void(std::function<void(T)>)>& begin) {
        const auto executor = asio::get_associated_executor(handler);
        // Shared: a std::function has to be copyable.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        begin([executor, shared](T result) {
          asio::post(executor, [shared, result = std::move(result)]() mutable {
            (*shared)(std::move(result));
          });
        });
      },
      asio::use_awaitable, std::move(start));
}

}  // namespace i2::node
