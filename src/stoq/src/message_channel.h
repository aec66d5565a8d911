// The inside of a MessageChannel: its queues and what both directions share.
//
// message_sending.cc fills the peer's queues, message_receiving.cc fills and empties this side's;
// messages.cc is the channel's own life. Costs count as in core::message_cost().
#pragma once

#include <i2/rt/signal.h>
#include <i2/stoq/core/message_codec.h>
#include <i2/stoq/messages.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "record_stream.h"

namespace i2::stoq {

[[nodiscard]] Bytes message_record(core::MessageRecord type, ByteView body);
[[nodiscard]] RecordStream message_records_of(Stream stream);

// The sending half of a queue.
struct OutQueue {
  explicit OutQueue(const boost::asio::any_io_executor& executor) : changed(executor) {}

  void fail_with(Error why) {
    if (!error) {
      error = std::move(why);
    }
    changed.notify();
  }

  std::optional<Stream> stream;
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;  // by the peer's application
  std::uint64_t next_bulk = 0;
  // send() calls go one after the other, in the order they were made.
  std::uint64_t next_ticket = 0;
  std::uint64_t serving = 0;
  std::optional<Error> error;
  rt::Signal changed;
};

// A place in a queue: a whole message, or one whose bytes still come on their own stream.
struct MessageSlot {
  Bytes message;
  std::uint64_t size = 0;
  std::optional<std::uint64_t> bulk;  // which
  bool complete = false;
};

// The receiving half of a queue.
struct InQueue {
  explicit InQueue(const boost::asio::any_io_executor& executor) : changed(executor) {}

  void fail_with(Error why) {
    if (!error) {
      error = std::move(why);
    }
    changed.notify();
  }
  [[nodiscard]] std::shared_ptr<MessageSlot> awaiting(std::uint64_t bulk) const {
    for (const auto& slot : slots) {
      if (slot->bulk == bulk && !slot->complete) {
        return slot;
      }
    }
    return nullptr;
  }

  std::optional<Stream> stream;  // the queue stream, for credit; set while its reader runs
  std::deque<std::shared_ptr<MessageSlot>> slots;  // shared with the bulk reader that fills one
  std::uint64_t received = 0;                      // cost of every message that was started
  std::uint64_t taken = 0;
  std::uint64_t reported = 0;  // of `taken`, as credit
  std::uint64_t next_bulk = 0;
  std::size_t parked = 0;
  bool ended = false;
  std::optional<Error> error;
  rt::Signal changed;
};

struct MessageChannel::State : std::enable_shared_from_this<MessageChannel::State> {
  State(Connection owner, Limits channel_limits)
      : connection(std::move(owner)), executor(connection.executor()), limits(channel_limits) {}

  [[nodiscard]] Result<std::shared_ptr<OutQueue>> out_queue(const std::string& name);
  [[nodiscard]] Result<std::shared_ptr<InQueue>> in_queue(const std::string& name);
  void end_all(const Error& why);

  Task<void> watch_connection();
  // --- sending
  Task<Result<void>> open(std::shared_ptr<OutQueue> queue, std::string name);
  Task<Result<void>> send_in_turn(std::shared_ptr<OutQueue> queue, std::string name, Chunk message);
  Task<Result<void>> send_bulk(std::shared_ptr<OutQueue> queue, std::string name, Chunk message);
  // --- receiving
  Task<void> serve(Stream stream);
  Task<void> read_queue(std::shared_ptr<InQueue> queue, RecordStream records);
  [[nodiscard]] Result<void> place(InQueue& queue, core::Record record);
  Task<void> read_bulk(std::shared_ptr<InQueue> queue, std::uint64_t number, RecordStream records);
  Task<void> give_credit(std::shared_ptr<InQueue> queue);

  Connection connection;
  boost::asio::any_io_executor executor;
  Limits limits;
  std::map<std::string, std::shared_ptr<OutQueue>> out;  // shared with the calls that wait on one
  std::map<std::string, std::shared_ptr<InQueue>> in;    // likewise
  std::uint64_t held = 0;  // bytes of messages that receive() has not returned
  std::optional<Error> ended;
};

}  // namespace i2::stoq
