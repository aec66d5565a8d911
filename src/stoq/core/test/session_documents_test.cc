// Reads docs/wire/{session,frames,errors}.md and checks every example and every number in them
// against the implementation.
#include <i2/stoq/core/errors.h>
#include <i2/stoq/core/testing/forger.h>
#include <i2/wire/reader.h>

#include <algorithm>
#include <charconv>
#include <regex>
#include <set>

#include "document_examples.h"
#include "fixture.h"

namespace i2::stoq::core {
namespace {

using Examples = std::map<std::string, std::string>;

std::string frame(FrameType type, ByteView body) {
  Bytes out;
  append_frame(out, type, body);
  return to_hex(out);
}

// The examples whose names begin with "refused ", or the others.
Examples select(const std::string& document, bool refused) {
  Examples out = examples_of(document);
  std::erase_if(
      out, [refused](const auto& item) { return item.first.starts_with("refused ") != refused; });
  return out;
}

std::optional<std::uint64_t> number(const std::string& hex) {
  std::uint64_t out = 0;
  const char* const end = hex.data() + hex.size();
  const auto [rest, error] = std::from_chars(hex.data(), end, out, 16);
  return error == std::errc{} && rest == end && hex.size() == 2 ? std::optional(out) : std::nullopt;
}

TEST(FramesDocument, ShowsWhatIsWritten) {
  Examples shown = select("frames.md", false);
  // Not what this version writes, but what it reads: see the next test.
  EXPECT_EQ(shown.erase("settings versions 1 to 3, nothing else"), 1u);
  EXPECT_EQ(shown.erase("settings with an id of a later version"), 1u);
  NodeId ones;
  ones.bytes.fill(0x11);
  NodeId twos;
  twos.bytes.fill(0x22);
  const Hello hello{ones, Bytes{0xaa, 0xbb, 0xcc}, Bytes(64, 0x55)};
  const Examples written{
      {"settings versions 1 to 1, datagrams up to 65000",
       frame(FrameType::kSettings, encode(Settings{1, 1, 65'000}))},
      {"context of the server with node id 2222...",
       to_hex(hello_exporter_context(Role::kServer, twos))},
      {"message when the exporter gave abab...", to_hex(hello_message(Bytes(32, 0xab)))},
      {"hello node id 1111..., a binding of 3 bytes, a signature of 64 times 55",
       frame(FrameType::kHello, encode(hello))},
      {"ping sequence 7 at 1000000009 ns",
       frame(FrameType::kPing, encode(Ping{7, 1'000'000'009}))}};
  EXPECT_EQ(shown, written);
}

// Decodes the one frame of an example.
template <class Decode>
auto decode_example(const std::string& hex, FrameType type, Decode decode) {
  const Bytes bytes = wire::from_hex(hex).value();
  const auto parsed = parse_frame(bytes);
  EXPECT_TRUE(parsed && parsed->frame && parsed->consumed == bytes.size()) << hex;
  EXPECT_EQ(parsed->frame->type, static_cast<std::uint64_t>(type));
  return decode(parsed->frame->body);
}

TEST(FramesDocument, ShowsWhatIsRead) {
  const Examples shown = select("frames.md", false);
  EXPECT_EQ(*decode_example(shown.at("settings versions 1 to 3, nothing else"),
                            FrameType::kSettings, decode_settings),
            (Settings{1, 3, 0}));
  EXPECT_EQ(*decode_example(shown.at("settings with an id of a later version"),
                            FrameType::kSettings, decode_settings),
            Settings{});
}

TEST(FramesDocument, ShowsWhatIsRefused) {
  const Examples shown = select("frames.md", true);
  const std::map<std::string, std::pair<std::string, FrameType>> expected{
      {"refused lowest version above the highest", {"SETTINGS", FrameType::kSettings}},
      {"refused the same id twice", {"SETTINGS", FrameType::kSettings}},
      {"refused a value is missing", {"SETTINGS", FrameType::kSettings}},
      {"refused length of the binding in a longer form than necessary",
       {"HELLO", FrameType::kHello}},
      {"refused signature of 63 bytes", {"HELLO", FrameType::kHello}},
      {"refused a ping of 15 bytes", {"PING", FrameType::kPing}}};
  ASSERT_EQ(shown.size(), expected.size());
  for (const auto& [name, hex] : shown) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(expected.contains(name));
    const auto& [what, type] = expected.at(name);
    const auto reason = [type](ByteView body) -> std::string {
      switch (type) {
        case FrameType::kSettings:
          return decode_settings(body) ? "" : decode_settings(body).error().to_string();
        case FrameType::kHello:
          return decode_hello(body) ? "" : decode_hello(body).error().to_string();
        default:
          return decode_ping(body) ? "" : decode_ping(body).error().to_string();
      }
    };
    EXPECT_EQ(decode_example(hex, type, reason),
              fail("stoq.frame_malformed", "malformed " + what + " frame").error().to_string());
  }
}

TEST(FramesDocument, ListsTheFrames) {
  std::map<std::string, std::uint64_t> listed;
  for (const auto& row : rows_of("frames.md")) {
    const bool setting = !std::isupper(static_cast<unsigned char>(row[1][0]));
    if (number(row[0]) && !setting) {
      listed[row[1]] = *number(row[0]);
    }
  }
  const std::map<std::string, std::uint64_t> expected{
      {"SETTINGS", static_cast<std::uint64_t>(FrameType::kSettings)},
      {"HELLO", static_cast<std::uint64_t>(FrameType::kHello)},
      {"GOAWAY", static_cast<std::uint64_t>(FrameType::kGoAway)},
      {"PING", static_cast<std::uint64_t>(FrameType::kPing)},
      {"PONG", static_cast<std::uint64_t>(FrameType::kPong)}};
  EXPECT_EQ(listed, expected);
}

class SessionDocument : public TransferTest {
 public:
  ~SessionDocument() override { testing::forger() = nullptr; }
};

// The example's bytes at the start of a stream mean a stream of type 4 that brings 01 02.
TEST_F(SessionDocument, ShowsHowStreamsBegin) {
  Examples shown = examples_of("session.md");
  ASSERT_EQ(shown.size(), 2u);
  pair();
  network_.run_for(kSecond);  // the MTU ladder would take our packets
  StreamId id = 0;
  for (const auto& [name, hex] : shown) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(name.starts_with("stream type 4, payload 0102"));
    const Bytes bytes = wire::from_hex(hex).value();
    Bytes packet;
    wire::Writer writer(packet);
    writer.varint(0x0e);  // STREAM with offset and length, RFC 9000 §19.8
    writer.varint(static_cast<std::uint64_t>(id));
    writer.varint(0);
    writer.varint(bytes.size());
    writer.bytes(bytes);
    testing::forger() = [this, &packet](bool long_header, MutableByteView frames) {
      if (!long_header && network_.sending() == 0 && !packet.empty()) {
        testing::replace_frames(frames, packet);
        packet.clear();
      }
    };
    ASSERT_TRUE(client().send_datagram(Chunk(Bytes(packet.size()))));
    network_.run_for(kSecond);
    EXPECT_EQ(server().stream_type(id), static_cast<std::uint64_t>(StreamType::kBytes));
    const auto read = server().read(id);
    ASSERT_TRUE(read);
    EXPECT_EQ(to_hex(read->data.view()), "0102");
    id += 4;  // RFC 9000 §2.1
  }
}

TEST_F(SessionDocument, ShowsWhatIsWrittenOnAStream) {
  pair();
  network_.run_for(kSecond);
  std::vector<std::string> packets;
  testing::forger() = [&](bool long_header, MutableByteView frames) {
    if (!long_header && network_.sending() == 0) {
      packets.push_back(to_hex(frames));
    }
  };
  start(client(), Bytes{1, 2});
  network_.run_for(kSecond);
  const std::string example = examples_of("session.md").at("stream type 4, payload 0102");
  ASSERT_EQ(example, "040102");
  EXPECT_TRUE(std::ranges::any_of(packets, [&](const std::string& packet) {
    return packet.starts_with("0b0003" + example);  // STREAM with length and end: stream 0, 3 bytes
  })) << ::testing::PrintToString(packets);
}

TEST(SessionDocuments, ListTheStreamTypes) {
  std::map<std::uint64_t, std::string> listed;
  for (const auto& row : rows_of("session.md")) {
    if (row.size() == 3 && number(row[0])) {
      listed[*number(row[0])] = row[1];
    }
  }
  const auto at = [](StreamType type) { return static_cast<std::uint64_t>(type); };
  const std::map<std::uint64_t, std::string> expected{
      {at(StreamType::kControl), "control"},
      {at(StreamType::kMessages), "messages"},
      {at(StreamType::kRpc), "RPC"},
      {at(StreamType::kFile), "file"},
      {at(StreamType::kBytes), "bytes: a pipe to a named service"}};
  EXPECT_EQ(listed, expected);
  EXPECT_TRUE(is_grease(0x21) && is_grease(0x40) && is_grease(0x1f * 7 + 0x21));
  EXPECT_FALSE(is_grease(0x20) || is_grease(0x22) || is_grease(0x02));
}

TEST(ErrorsDocument, ListsTheNumbersAndTheirCodes) {
  std::map<std::uint64_t, std::string> listed;
  for (const auto& row : rows_of("errors.md")) {
    if (const auto value = number(row[0])) {
      EXPECT_TRUE(listed.emplace(*value, row[1]).second) << row[0];
    }
  }
  ASSERT_GT(listed.size(), 15u);
  for (std::uint64_t value = 0; value < 0x10'000; ++value) {
    const auto row = listed.find(value);
    const std::string expected = row == listed.end() ? "stoq.closed_by_peer" : row->second;
    ASSERT_EQ(std::string(error_code(value).text()), expected) << value;
    if (row != listed.end() && value != 0) {
      EXPECT_EQ(static_cast<std::uint64_t>(app_error(Error(error_code(value), "for any reason"))),
                value);
    }
  }
}

// An enumerator that has neither number in the table nor row in errors.cc would go unnoticed above.
TEST(ErrorsDocument, ListsEveryEnumerator) {
  std::ifstream in(I2_SOURCE_DIR "/src/stoq/core/include/i2/stoq/core/errors.h");
  ASSERT_TRUE(in.is_open());
  const std::string header{std::istreambuf_iterator<char>(in), {}};
  std::set<std::string> declared;
  const std::regex enumerator("\\bk[A-Z]\\w*\\s*=\\s*0x([0-9a-f]{2}),");
  for (std::sregex_iterator it(header.begin(), header.end(), enumerator), end; it != end; ++it) {
    declared.insert((*it)[1]);
  }
  std::set<std::string> listed;
  for (const auto& row : rows_of("errors.md")) {
    if (number(row[0])) {
      listed.insert(row[0]);
    }
  }
  EXPECT_EQ(declared, listed);
}

}  // namespace
}  // namespace i2::stoq::core
