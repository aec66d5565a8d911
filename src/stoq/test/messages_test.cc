#include <i2/stoq/core/message_codec.h>
#include <i2/stoq/messages.h>

#include "loopback.h"

namespace i2::stoq::test {
namespace {

// Size and content follow from the number, so that a message proves its place.
Bytes numbered(std::uint32_t number) {
  static constexpr std::size_t kSizes[] = {0, 1, 300, 5'000, 64 * 1024, 64 * 1024 + 1, 300'000};
  Bytes out(4 + kSizes[number % std::size(kSizes)], static_cast<std::uint8_t>(number * 31));
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

using Channel = std::shared_ptr<MessageChannel>;

Task<Result<void>> send_range(Channel channel, std::string queue, std::uint32_t from,
                              std::uint32_t to) {
  for (std::uint32_t i = from; i < to; ++i) {
    I2_CO_TRY(co_await channel->send(queue, Chunk(numbered(i))));
  }
  co_return Result<void>{};
}

// How many messages in a row were the ones expected.
Task<Result<std::uint32_t>> receive_range(Channel channel, std::string queue, std::uint32_t from,
                                          std::uint32_t to) {
  for (std::uint32_t i = from; i < to; ++i) {
    const Result<Bytes> message = co_await channel->receive(queue);
    if (!message) {
      co_return fail(message.error());
    }
    if (*message != numbered(i)) {
      co_return i;
    }
  }
  co_return to;
}

class Messages : public ::testing::Test {
 protected:
  explicit Messages(MessageChannel::Limits limits = {}) : limits_(limits) {}

  void connect() {
    loopback_ = std::make_unique<Loopback>(
        dispatcher_, Loopback::Options{.own = [this](const Connection& connection) {
          auto channel = std::make_shared<MessageChannel>(connection, limits_);
          auto handler = channel->handler();
          bob_channel_.set_value(std::move(channel));
          return StreamDispatcher::Handlers{{StreamType::kMessages, std::move(handler)}};
        }});
    connection_ = loopback_->connect();
    bob_connection_ = loopback_->accepted();
    alice_ = std::make_shared<MessageChannel>(connection_, limits_);
    bob_ = get(bob_channel_.get_future(), "bob's channel");
    alice_serving_ = asio::co_spawn(
        connection_.executor(),
        alice_dispatcher_.serve(connection_, {{StreamType::kMessages, alice_->handler()}}),
        asio::use_future);
  }

  void TearDown() override {
    if (loopback_) {
      loopback_->stop();
      get(std::move(alice_serving_), "alice's serving");
    }
  }

  std::future<Result<void>> sending(const std::string& queue, std::uint32_t from,
                                    std::uint32_t to) {
    return asio::co_spawn(connection_.executor(), send_range(alice_, queue, from, to),
                          asio::use_future);
  }
  Result<std::uint32_t> receive(const std::string& queue, std::uint32_t from, std::uint32_t to) {
    return run(bob_connection_.executor(), receive_range(bob_, queue, from, to));
  }

  MessageChannel::Limits limits_;
  StreamDispatcher dispatcher_;
  StreamDispatcher alice_dispatcher_;
  std::unique_ptr<Loopback> loopback_;
  Connection connection_;
  Connection bob_connection_;
  std::promise<Channel> bob_channel_;
  Channel alice_;
  Channel bob_;
  std::future<void> alice_serving_;
};

TEST_F(Messages, KeepTheirOrderWhateverTheirSize) {
  connect();
  auto sent = sending("votes", 0, 200);
  EXPECT_EQ(receive("votes", 0, 200).value_or(0), 200u);
  EXPECT_TRUE(get(std::move(sent), "sending"));
}

TEST_F(Messages, CallsInFlightTogetherKeepTheirOrder) {
  connect();
  std::vector<std::future<Result<void>>> sends;
  for (std::uint32_t i = 0; i < 100; ++i) {
    sends.push_back(sending("votes", i, i + 1));
  }
  EXPECT_EQ(receive("votes", 0, 100).value_or(0), 100u);
  for (auto& sent : sends) {
    EXPECT_TRUE(get(std::move(sent), "sending"));
  }
}

TEST_F(Messages, TravelBothWays) {
  connect();
  auto to_alice = asio::co_spawn(bob_connection_.executor(), send_range(bob_, "votes", 0, 30),
                                 asio::use_future);
  auto to_bob = sending("votes", 50, 80);
  EXPECT_EQ(receive("votes", 50, 80).value_or(0), 80u);
  EXPECT_EQ(run(connection_.executor(), receive_range(alice_, "votes", 0, 30)).value_or(0), 30u);
  EXPECT_TRUE(get(std::move(to_alice), "sending"));
  EXPECT_TRUE(get(std::move(to_bob), "sending"));
}

// Three queues that nobody reads hold more than one connection window together; a fourth still
// flows.
TEST_F(Messages, QueuesDoNotHoldUpEachOther) {
  connect();
  std::vector<std::future<Result<void>>> stuck;
  for (const char* queue : {"a", "b", "c"}) {
    stuck.push_back(sending(queue, 0, 1'000));
  }
  auto sent = sending("free", 0, 700);
  EXPECT_EQ(receive("free", 0, 700).value_or(0), 700u);
  EXPECT_TRUE(get(std::move(sent), "sending"));
  for (auto& sending : stuck) {
    EXPECT_NE(sending.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  }
  EXPECT_EQ(receive("b", 0, 1'000).value_or(0), 1'000u);
  EXPECT_TRUE(get(std::move(stuck[1]), "sending"));
  loopback_->stop();
  EXPECT_FALSE(get(std::move(stuck[0]), "sending"));
}

Task<Result<void>> flush(Channel channel, std::string queue) {
  co_return co_await channel->flush(queue);
}

TEST_F(Messages, FlushWaitsForTheReceiver) {
  connect();
  ASSERT_TRUE(get(sending("votes", 0, 10), "sending"));
  auto flushed = asio::co_spawn(connection_.executor(), flush(alice_, "votes"), asio::use_future);
  EXPECT_EQ(receive("votes", 0, 9).value_or(0), 9u);
  EXPECT_NE(flushed.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(receive("votes", 9, 10).value_or(0), 10u);
  EXPECT_TRUE(get(std::move(flushed), "flush"));
}

Task<Result<void>> send_one(Channel channel, std::string queue, std::size_t size) {
  co_return co_await channel->send(queue, Chunk(Bytes(size)));
}

TEST_F(Messages, RefuseWhatIsOutOfBounds) {
  connect();
  const auto send = [&](const std::string& queue, std::size_t size) {
    const auto sent = run(connection_.executor(), send_one(alice_, queue, size));
    return std::string(sent ? "sent" : sent.error().code());
  };
  EXPECT_EQ(send("", 1), "stoq.queue_name_invalid");
  EXPECT_EQ(send(std::string(256, 'q'), 1), "stoq.queue_name_invalid");
  EXPECT_EQ(send("\xff", 1), "stoq.queue_name_invalid");
  EXPECT_EQ(send("q", limits_.message_size_max + 1), "stoq.message_too_large");
  for (std::size_t i = 0; i < limits_.queues_max; ++i) {
    EXPECT_EQ(send("q" + std::to_string(i), 1), "sent");
  }
  EXPECT_EQ(send("one too many", 1), "stoq.queues_exhausted");
}

TEST_F(Messages, EndOfTheConnectionEndsTheCalls) {
  connect();
  auto waiting = asio::co_spawn(bob_connection_.executor(), receive_range(bob_, "votes", 0, 1),
                                asio::use_future);
  asio::post(connection_.executor(), [connection = connection_]() mutable { connection.close(); });
  EXPECT_EQ(get(std::move(waiting), "receive").error().code(), "stoq.closed_by_peer");
  const auto sent = get(sending("votes", 0, 1), "sending");
  EXPECT_EQ(sent.error().code(), "stoq.closed");
}

TEST(MessagesRefused, WherePeerServesNone) {
  StreamDispatcher dispatcher;
  Loopback loopback(dispatcher);
  const auto connection = loopback.connect();
  const auto channel = std::make_shared<MessageChannel>(connection);
  const auto sent = run(connection.executor(), send_range(channel, "votes", 0, 1'000));
  EXPECT_EQ(sent.error().code(), "stoq.refused");
  loopback.stop();
}

// A peer that does not keep to its credit, or lies about a bulk message, loses the queue and
// nothing else.
class HostileMessages : public Messages {
 protected:
  static Task<Error> write_raw(Connection connection, Bytes bytes) {
    auto stream = co_await connection.open_stream(StreamType::kMessages);
    if (!stream) {
      co_return stream.error();
    }
    (void)co_await stream->write(Chunk(std::move(bytes)));
    for (;;) {
      const auto answer = co_await stream->read();
      if (!answer) {
        co_return explain(answer.error());
      }
    }
  }
  static Task<Result<void>> raw(Connection connection, Bytes bytes, std::string* code) {
    const Error error = co_await write_raw(std::move(connection), std::move(bytes));
    *code = error.code();
    co_return Result<void>{};
  }
  std::string refusal_of(Bytes bytes) {
    std::string code;
    (void)run(connection_.executor(), raw(connection_, std::move(bytes), &code));
    return code;
  }
  static Bytes record(core::MessageRecord type, ByteView body) {
    Bytes out;
    core::append_record(out, static_cast<std::uint64_t>(type), body);
    return out;
  }
};

TEST_F(HostileMessages, LoseTheirQueueOnly) {
  connect();
  using core::MessageRecord;
  EXPECT_EQ(refusal_of(record(MessageRecord::kCredit, {})), "stoq.protocol_violation");
  EXPECT_EQ(refusal_of(record(MessageRecord::kQueue, {})), "stoq.protocol_violation");

  Bytes flood = record(MessageRecord::kQueue, as_bytes("flood"));
  const Bytes message = record(MessageRecord::kInline, Bytes(64 * 1024));
  for (int i = 0; i < 20; ++i) {
    append(flood, message);
  }
  EXPECT_EQ(refusal_of(flood), "stoq.protocol_violation");

  Bytes huge = record(MessageRecord::kQueue, as_bytes("huge"));
  append(huge, record(MessageRecord::kBulk, core::encode(core::BulkReference{0, 1ULL << 40})));
  EXPECT_EQ(refusal_of(huge), "stoq.protocol_violation");

  auto sent = sending("votes", 0, 20);
  EXPECT_EQ(receive("votes", 0, 20).value_or(0), 20u);
  EXPECT_TRUE(get(std::move(sent), "sending"));
  EXPECT_EQ(receive("huge", 0, 1).error().code(), "stoq.message_too_large");
}

}  // namespace
}  // namespace i2::stoq::test
