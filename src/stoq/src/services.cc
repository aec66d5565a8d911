#include <i2/rt/signal.h>
#include <i2/stoq/services.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>

namespace i2::stoq {
namespace asio = boost::asio;

namespace {

// How many handlers of one connection run. Shared by serve() and their completions.
struct Running {
  explicit Running(asio::any_io_executor executor) : changed(std::move(executor)) {}
  std::size_t count = 0;
  rt::Signal changed;
};

}  // namespace

void refuse_stream(Stream& stream, AppError code) {
  stream.reset(code);
  stream.stop(code);
}

Error explain(const Error& error) {
  if (!error.is("stoq.stream_reset")) {
    return error;
  }
  const auto number = static_cast<std::uint64_t>(error.native());
  return {core::error_code(number), std::string(core::describe(number)), error.native()};
}

StreamDispatcher::StreamDispatcher() : StreamDispatcher(Limits{}) {}

StreamDispatcher::StreamDispatcher(Limits limits) : table_(std::make_shared<Table>()) {
  table_->limits = limits;
}

void StreamDispatcher::add(StreamType type, StreamHandler handler, StreamHandlerOptions options) {
  table_->handlers[type] = {std::move(handler), options.renewal};
}

Task<void> StreamDispatcher::serve(Connection connection, Handlers own) {
  return serve(table_, std::move(connection), std::move(own));
}

Task<void> StreamDispatcher::serve(std::shared_ptr<const Table> table, Connection connection,
                                   Handlers own) {
  const auto executor = connection.executor();
  const auto running = std::make_shared<Running>(executor);
  for (;;) {
    Result<Stream> stream = co_await connection.accept_stream();
    if (!stream) {
      break;
    }
    const auto type = static_cast<StreamType>(stream->type());
    const StreamHandler* handler = nullptr;
    bool renewal = false;
    if (const auto it = own.find(type); it != own.end()) {
      handler = &it->second;
    } else if (const auto common = table->handlers.find(type); common != table->handlers.end()) {
      handler = &common->second.handler;
      renewal = common->second.renewal;
    }
    if (handler == nullptr) {
      refuse_stream(*stream, AppError::kRefused);
    } else if (connection.renewal_only() && !renewal) {
      refuse_stream(*stream, connection.leaf_standing() == ports::LeafStanding::kExpired
                                 ? AppError::kLeafExpired
                                 : AppError::kSctMissing);
    } else if (running->count >= table->limits.handlers_max) {
      refuse_stream(*stream, AppError::kOverloaded);
    } else {
      ++running->count;
      // A handler that throws has dropped its stream, which resets it; the others go on.
      asio::co_spawn(executor, (*handler)(connection, std::move(*stream)),
                     asio::bind_executor(executor, [running](const std::exception_ptr&) {
                       --running->count;
                       running->changed.notify();
                     }));
    }
  }
  while (running->count > 0) {
    co_await running->changed.wait();
  }
}

}  // namespace i2::stoq
