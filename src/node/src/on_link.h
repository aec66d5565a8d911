// Work on a link's own executor, from any other one.
#pragma once

#include <i2/stoq/rpc.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <string_view>

#include "tasks.h"

namespace i2::node {

// Runs `task` there and comes back.
template <class T>
[[nodiscard]] Task<T> on_link(boost::asio::any_io_executor executor, Task<T> task) {
  co_return co_await boost::asio::co_spawn(executor, std::move(task), boost::asio::use_awaitable);
}

// stoq::call() there.
[[nodiscard]] inline Task<Result<Bytes>> call_over(const stoq::Connection& connection,
                                                   std::string_view method, Bytes request,
                                                   stoq::CallOptions options = {}) {
  return on_link(connection.executor(), stoq::call(connection, std::string(method),
                                                   std::move(request), std::move(options)));
}

}  // namespace i2::node
