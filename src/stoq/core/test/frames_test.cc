#include <gtest/gtest.h>
#include <i2/stoq/core/frames.h>

namespace i2::stoq::core {
namespace {

TEST(Frames, ParsesOneAtATimeAndWaitsForTheRest) {
  Bytes stream;
  append_frame(stream, FrameType::kSettings, encode(Settings{1, 2, 1200}));
  append_frame(stream, FrameType::kPing, encode(Ping{7, 9}));
  for (std::size_t cut = 0; cut < stream.size(); ++cut) {
    const auto parsed = parse_frame(ByteView(stream).first(cut));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->frame.has_value(), parsed->consumed > 0);
  }
  const auto first = parse_frame(stream);
  ASSERT_TRUE(first && first->frame);
  EXPECT_EQ(*decode_settings(first->frame->body), (Settings{1, 2, 1200}));
  const auto second = parse_frame(ByteView(stream).subspan(first->consumed));
  ASSERT_TRUE(second && second->frame);
  EXPECT_EQ(decode_ping(second->frame->body)->sequence, 7u);
}

TEST(Frames, RefusesHugeBodies) {
  const Bytes huge{0x02, 0x80, 0x01, 0x00, 0x00};
  const auto parsed = parse_frame(huge);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code(), "stoq.frame_malformed");
}

TEST(Settings, RefusesDuplicatesAndNonsense) {
  EXPECT_FALSE(decode_settings(Bytes{0x01, 0x01, 0x01, 0x01}));
  EXPECT_FALSE(decode_settings(Bytes{0x01}));
  EXPECT_FALSE(decode_settings(Bytes{0x01, 0x05, 0x02, 0x04}));  // min 5 > max 4
  EXPECT_TRUE(decode_settings(Bytes{0x3f, 0x05}));               // unknown id
}

TEST(Hello, RoundTripAndRefusals) {
  Hello hello;
  hello.node_id.bytes.fill(0xab);
  hello.binding = Bytes(1400, 7);
  hello.signature = Bytes(64, 9);
  const Bytes encoded = encode(hello);
  EXPECT_EQ(*decode_hello(encoded), hello);
  Bytes longer = encoded;
  longer.push_back(0);
  EXPECT_FALSE(decode_hello(longer));
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_FALSE(decode_hello(ByteView(encoded).first(size))) << size;
  }
  hello.signature.resize(63);
  EXPECT_FALSE(decode_hello(encode(hello)));
  hello.signature.resize(64);
  hello.binding.resize(kBindingMax + 1);
  EXPECT_FALSE(decode_hello(encode(hello)));
}

}  // namespace
}  // namespace i2::stoq::core
