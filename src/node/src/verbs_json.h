// Shared by the handlers of the admin verbs. Only for .cc files.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "peers.h"

namespace i2::node {

// On one line; text that is not UTF-8 is replaced, never an error.
[[nodiscard]] std::string to_line(const nlohmann::json& value);
[[nodiscard]] nlohmann::json peer_json(const Link& link);

// Runs `task` on the link's own executor and comes back.
template <class T>
[[nodiscard]] Task<T> on_link(boost::asio::any_io_executor executor, Task<T> task) {
  co_return co_await boost::asio::co_spawn(executor, std::move(task), boost::asio::use_awaitable);
}

struct LinkFacts {
  stoq::PathInfo path;
  stoq::SecurityInfo security;
};
// On the connection's executor.
[[nodiscard]] Task<LinkFacts> facts_of(stoq::Connection connection);

}  // namespace i2::node
