#include <gtest/gtest.h>
#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/core/message_codec.h>
#include <i2/stoq/core/rpc_codec.h>

namespace i2::stoq::core {
namespace {

// Every proper prefix of a value, and the value with one byte more, are refused.
template <class Decode>
void expect_exact(const Bytes& value, Decode decode) {
  for (std::size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(decode(ByteView(value).first(size))) << size;
  }
  Bytes longer = value;
  longer.push_back(0);
  EXPECT_FALSE(decode(longer));
}

TEST(RpcCodec, MethodNames) {
  for (const char* good : {"trust.Issuer/Renew", "a.b/c", "hypermesh.v2.Assets/List_All"}) {
    EXPECT_TRUE(is_rpc_method(good)) << good;
  }
  for (const char* bad : {"", "Renew", "trust/Renew", "trust.Issuer/", "a.b/c/d", "a.b/c.d",
                          "trust.Issuer/Renew ", "a.b\n/c", "/"}) {
    EXPECT_FALSE(is_rpc_method(bad)) << bad;
  }
  EXPECT_TRUE(is_rpc_method("a.b/" + std::string(124, 'c')));
  EXPECT_FALSE(is_rpc_method("a.b/" + std::string(125, 'c')));
}

TEST(RpcCodec, Request) {
  const RpcRequest request{.method = "trust.Issuer/Renew",
                           .deadline_ms = 5'000,
                           .idempotency_key = "k-1",
                           .client_streaming = true,
                           .server_streaming = false};
  EXPECT_EQ(decode_rpc_request(encode(request)).value_or(RpcRequest{}), request);
  RpcRequest other = request;
  other.method = "no method";
  EXPECT_EQ(decode_rpc_request(encode(other)).error().code(), "stoq.frame_malformed");
  other = request;
  other.idempotency_key = std::string(65, 'k');
  EXPECT_EQ(decode_rpc_request(encode(other)).error().code(), "stoq.frame_malformed");
  EXPECT_FALSE(decode_rpc_request(as_bytes("\x0a\xff")));
  EXPECT_FALSE(decode_rpc_request(Bytes(kRpcHeaderMax + 1)));
}

TEST(RpcCodec, Status) {
  EXPECT_TRUE(encode_rpc_status({}).empty());
  EXPECT_TRUE(decode_rpc_status({}).value());
  const Result<void> failed = fail("trust.invite_used", "used already", -7);
  const auto back = decode_rpc_status(encode_rpc_status(failed));
  ASSERT_TRUE(back);
  ASSERT_FALSE(*back);
  EXPECT_TRUE(back->error().is("trust.invite_used"));
  EXPECT_EQ(back->error().message(), "used already");
  EXPECT_EQ(back->error().native(), -7);
}

TEST(RpcCodec, StatusFitsWhateverTheMessage) {
  std::string message = "x";
  for (int i = 0; i < 3'000; ++i) {
    message += "\xe2\x82\xac";  // the limit falls within a character
  }
  const auto back = decode_rpc_status(encode_rpc_status(fail("stoq.x", message)));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->error().message(), message.substr(0, 2'047));
  const auto invalid = decode_rpc_status(encode_rpc_status(fail("stoq.x",
                                                                "a\xff"
                                                                "b")));
  ASSERT_TRUE(invalid);
  EXPECT_EQ(invalid->error().message(), "a?b");
}

TEST(RpcCodec, CodesThatAreNoneBecomeOne) {
  const Error error = remote_error("Not A Code", "m", 1);
  EXPECT_EQ(error.code(), "stoq.remote_error");
  EXPECT_EQ(error.message(), "the peer reported: m");
}

TEST(MessageCodec, RoundTrips) {
  const BulkHead head{.number = 70'000, .queue = "votes"};
  EXPECT_EQ(decode_bulk_head(encode(head)).value_or(BulkHead{}), head);
  const BulkReference reference{.number = 3, .size = 1ULL << 33};
  EXPECT_EQ(decode_bulk_reference(encode(reference)).value_or(BulkReference{}), reference);
  expect_exact(encode(reference), decode_bulk_reference);
  EXPECT_EQ(decode_credit(encode_credit(123'456)).value_or(0), 123'456u);
  expect_exact(encode_credit(123'456), decode_credit);
  EXPECT_EQ(decode_queue_name(as_bytes("q")).value_or(""), "q");
}

TEST(MessageCodec, QueueNames) {
  EXPECT_TRUE(is_queue_name(std::string(255, 'a')));
  EXPECT_FALSE(is_queue_name(std::string(256, 'a')));
  EXPECT_FALSE(is_queue_name(""));
  EXPECT_FALSE(is_queue_name("\xff"));
  EXPECT_EQ(decode_queue_name({}).error().code(), "stoq.frame_malformed");
  EXPECT_EQ(decode_bulk_head(Bytes{0}).error().code(), "stoq.frame_malformed");
}

TEST(FileCodec, RoundTrips) {
  FileOffer offer{.size = 1ULL << 40, .existing_differs = true, .name = "a.iso"};
  offer.id.bytes.fill(9);
  EXPECT_EQ(decode_file_offer(encode(offer)).value_or(FileOffer{}), offer);
  expect_exact(encode(offer), decode_file_offer);

  const FileFailure failure{.code = "file.quota", .message = "full"};
  for (const FileAnswer& answer : {FileAnswer(FileAccepted{1ULL << 33}), FileAnswer(failure)}) {
    EXPECT_EQ(decode_file_answer(encode(answer)).value_or(FileAccepted{}), answer);
    expect_exact(encode(answer), decode_file_answer);
  }
  Hash256 hash{};
  hash.fill(3);
  for (const FileEnd& end : {FileEnd(FileComplete{hash}), FileEnd(failure)}) {
    EXPECT_EQ(decode_file_end(encode(end)).value_or(FileComplete{}), end);
    expect_exact(encode(end), decode_file_end);
  }
  for (const FileResult& result : {FileResult(FileStored{hash, "a (2).iso"}), FileResult(failure),
                                   FileResult(FileRestart{})}) {
    EXPECT_EQ(decode_file_result(encode(result)).value_or(FileStored{}), result);
    expect_exact(encode(result), decode_file_result);
  }
}

TEST(FileCodec, RefusesUnknownOutcomes) {
  EXPECT_EQ(decode_file_answer(Bytes{2}).error().code(), "file.malformed");
  EXPECT_EQ(decode_file_end(Bytes{2}).error().code(), "file.malformed");
  EXPECT_EQ(decode_file_result(Bytes{3}).error().code(), "file.malformed");
  FileOffer offer{.name = "a"};
  Bytes bytes = encode(offer);
  bytes[33] = 2;  // the flag behind the id and a one-byte size
  EXPECT_EQ(decode_file_offer(bytes).error().code(), "file.malformed");
}

TEST(FileCodec, JournalsAreTrustedWhole) {
  FileJournal journal{.size = 5'000, .durable = 4'000, .name = "a"};
  journal.id.bytes.fill(1);
  const Bytes bytes = encode(journal);
  EXPECT_EQ(decode_file_journal(bytes).value_or(FileJournal{}), journal);
  expect_exact(bytes, decode_file_journal);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i] ^= 0x10;
    EXPECT_EQ(decode_file_journal(damaged).error().code(), "file.journal_damaged") << i;
  }
  journal.durable = 5'001;
  EXPECT_FALSE(decode_file_journal(encode(journal)));
}

TEST(FileCodec, Names) {
  for (const char* good : {"a", "a b.txt", "caf\xc3\xa9", "a..b", "~", "-rf"}) {
    EXPECT_TRUE(is_file_name(good)) << good;
    EXPECT_EQ(make_file_name(good), good);
  }
  struct Case {
    std::string_view from;
    std::string_view to;
  };
  constexpr Case kCases[] = {{"", "unnamed"},       {".", "unnamed"},     {"..", "unnamed"},
                             {".bashrc", "bashrc"}, {"a/b", "a_b"},       {"a\\b", "a_b"},
                             {"a\nb", "a_b"},       {"\xff.txt", "_.txt"}};
  for (const auto& [from, to] : kCases) {
    EXPECT_FALSE(is_file_name(from)) << from;
    EXPECT_EQ(make_file_name(from), to);
  }
  const std::string nul("a\0b", 3);
  EXPECT_FALSE(is_file_name(nul));
  std::string longest(253, 'a');
  longest += "\xe2\x82\xac";  // 256 bytes, the last character in two halves at 255
  EXPECT_FALSE(is_file_name(longest));
  EXPECT_EQ(make_file_name(longest), std::string(253, 'a'));
}

TEST(FileCodec, NumberedNames) {
  EXPECT_EQ(numbered_file_name("a.txt", 1), "a.txt");
  EXPECT_EQ(numbered_file_name("a.txt", 2), "a (2).txt");
  EXPECT_EQ(numbered_file_name("a.tar.gz", 12), "a.tar (12).gz");
  EXPECT_EQ(numbered_file_name("a", 2), "a (2)");
  const std::string longest = std::string(251, 'a') + ".txt";
  EXPECT_EQ(numbered_file_name(longest, 2), std::string(247, 'a') + " (2).txt");
  EXPECT_EQ(numbered_file_name("a." + std::string(253, 'b'), 2),
            "a." + std::string(249, 'b') + " (2)");
}

TEST(FileCodec, TransferIdsDependOnEverything) {
  NodeId node;
  const auto id = transfer_id(node, "a", 1, 2);
  EXPECT_EQ(transfer_id(node, "a", 1, 2), id);
  EXPECT_NE(transfer_id(node, "b", 1, 2), id);
  EXPECT_NE(transfer_id(node, "a", 2, 2), id);
  EXPECT_NE(transfer_id(node, "a", 1, 3), id);
  node.bytes[0] = 1;
  EXPECT_NE(transfer_id(node, "a", 1, 2), id);
}

}  // namespace
}  // namespace i2::stoq::core
