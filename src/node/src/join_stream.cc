#include "join_stream.h"

#include <i2/rt/runtime.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace i2::node {

Task<Result<Bytes>> JoinRecords::next() {
  for (;;) {
    auto record = framer_.next();
    if (!record) {
      co_return fail(record.error());
    }
    if (*record) {
      co_return **std::move(record);
    }
    const auto chunk = co_await stream_.read();
    if (!chunk) {
      co_return fail(chunk.error());
    }
    if (chunk->size() == 0) {
      co_return fail("trust.join_malformed",
                     "the other side broke the rules of joining: it ended in the middle");
    }
    framer_.feed(chunk->view());
  }
}

Task<> end_after(stoq::Connection connection, Duration time) {
  using namespace boost::asio::experimental::awaitable_operators;
  const auto ended =
      co_await (connection.closed() || rt::sleep_for(std::chrono::nanoseconds(time)));
  if (ended.index() == 1) {
    connection.close(stoq::AppError::kDeadlineExceeded);
  }
}

}  // namespace i2::node
