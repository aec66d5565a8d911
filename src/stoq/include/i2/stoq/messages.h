// Messages in named queues over one connection (docs/wire/messages.md).
//
//   MessageChannel channel(connection);
//   asio::co_spawn(connection.executor(),
//                  dispatcher.serve(connection, {{StreamType::kMessages, channel.handler()}}),
//                  asio::detached);
//   co_await channel.send("votes", Chunk(bytes));
//   auto next = co_await channel.receive("votes");
//
// The messages of one queue arrive in the order in which the calls of send() began; queues are
// independent of each other, and a queue that nobody receives from holds up none of the others.
// Messages up to kInlineMessageMax share one stream for each queue; a larger one gets a stream of
// its own and keeps its place.
//
//   sender                                        receiver
//   send("a") ──▶ queue stream  [m1][m2][bulk 0][m4] ──▶ ordered slots ──▶ receive("a")
//             └─▶ bulk stream 0 [ m3 .............. ] ──────┘   │
//   credit    ◀──────────────── bytes taken by receive() ◀──────┘
//
// The sender starts a message only while fewer than Limits::window bytes of its queue wait at the
// receiver, which therefore never holds more than window + message_size_max of one queue. Delivery
// is as reliable as the connection: what receive() has not returned when it ends is lost.
//
// Threads: connection.executor() only, destruction included.
#pragma once

#include <i2/stoq/services.h>

#include <memory>
#include <string>

namespace i2::stoq {

inline constexpr std::size_t kInlineMessageMax = 64 * 1024;

class MessageChannel {
 public:
  struct Limits {
    std::size_t message_size_max = 64 * 1024 * 1024;
    // Bytes of one queue that wait for receive() before the sender pauses. Both sides must agree:
    // it is part of the protocol (docs/wire/messages.md), other values are for tests.
    std::size_t window = 1024 * 1024;
    std::size_t queues_max = 64;  // each way
    // Bytes of all queues that wait for receive(); a queue that would exceed it breaks.
    std::size_t held_max = 512 * 1024 * 1024;
  };

  explicit MessageChannel(Connection connection);
  MessageChannel(Connection connection, Limits limits);
  // Ends its queues; calls that still wait return stoq.channel_closed.
  ~MessageChannel();
  MessageChannel(const MessageChannel&) = delete;
  MessageChannel& operator=(const MessageChannel&) = delete;

  // For the peer's StreamType::kMessages streams of this connection; see StreamDispatcher::serve().
  [[nodiscard]] StreamHandler handler();

  // `queue` is 1 to 255 bytes of UTF-8. Completes when the message is queued behind the earlier
  // ones; waits while the receiver's window is full. Error: stoq.message_too_large,
  // stoq.queue_name_invalid, stoq.queues_exhausted, stoq.channel_closed, stoq.refused when the peer
  // serves no messages, why the connection ended.
  [[nodiscard]] Task<Result<void>> send(std::string queue, Chunk message);
  // Completes when the peer's receive() has returned everything sent to `queue` so far. While other
  // messages follow it may complete a little later: credit travels in steps. Errors as of send().
  [[nodiscard]] Task<Result<void>> flush(std::string queue);
  // The next message; waits for one. Error: stoq.queue_name_invalid, stoq.queues_exhausted,
  // stoq.channel_closed, stoq.queue_broken when the peer ended the queue, why the connection ended.
  [[nodiscard]] Task<Result<Bytes>> receive(std::string queue);

 private:
  struct State;
  static Task<void> watch_connection(std::shared_ptr<State> state);
  static Task<void> serve(std::shared_ptr<State> state, Stream stream);
  static Task<Result<void>> send(std::shared_ptr<State> state, std::string name, Chunk message);
  static Task<Result<void>> flush(std::shared_ptr<State> state, std::string name);
  static Task<Result<Bytes>> receive(std::shared_ptr<State> state, std::string name);
  std::shared_ptr<State> state_;  // shared with the stream handlers and calls that still run
};

}  // namespace i2::stoq
