// Reads docs/wire/{rpc,messages,bytes,files}.md and checks every example in them against the
// implementation.
#include <gtest/gtest.h>
#include <i2/stoq/core/file_codec.h>
#include <i2/stoq/core/message_codec.h>
#include <i2/stoq/core/rpc_codec.h>
#include <i2/stoq/core/stream_id.h>
#include <i2/wire/reader.h>

#include "document_examples.h"

namespace i2::stoq::core {
namespace {

template <class Type>
std::string record(Type type, ByteView body) {
  Bytes out;
  append_record(out, static_cast<std::uint64_t>(type), body);
  return to_hex(out);
}

Hash256 counting() {
  Hash256 out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(i);
  }
  return out;
}

TEST(ServiceDocuments, Rpc) {
  const RpcRequest request{.method = "trust.Issuer/Renew",
                           .deadline_ms = 5'000,
                           .idempotency_key = "key1",
                           .client_streaming = false,
                           .server_streaming = false};
  const std::map<std::string, std::string> expected{
      {"rpc request", record(RpcRecord::kRequest, encode(request))},
      {"rpc message", record(RpcRecord::kMessage, as_bytes("hello"))},
      {"rpc success", record(RpcRecord::kStatus, encode_rpc_status({}))},
      {"rpc failure", record(RpcRecord::kStatus,
                             encode_rpc_status(fail("trust.invite_used", "used already", -7)))}};
  EXPECT_EQ(examples_of("rpc.md"), expected);
}

TEST(ServiceDocuments, Messages) {
  const BulkReference bulk{.number = 0, .size = 80'000};
  const BulkHead head{.number = 0, .queue = "votes"};
  const std::map<std::string, std::string> expected{
      {"messages queue", record(MessageRecord::kQueue, as_bytes("votes"))},
      {"messages inline", record(MessageRecord::kInline, as_bytes("hi"))},
      {"messages bulk", record(MessageRecord::kBulk, encode(bulk))},
      {"messages bulk head", record(MessageRecord::kBulkHead, encode(head))},
      {"messages credit",
       record(MessageRecord::kCredit, encode_credit(message_cost(2) + message_cost(80'000)))}};
  EXPECT_EQ(examples_of("messages.md"), expected);
}

TEST(ServiceDocuments, Bytes) {
  Bytes open;
  wire::Writer writer(open);
  writer.varint(static_cast<std::uint64_t>(StreamType::kBytes));
  writer.varint(10);
  writer.bytes(as_bytes("bench.sink"));
  EXPECT_EQ(examples_of("bytes.md"),
            (std::map<std::string, std::string>{{"bytes open", to_hex(open)}}));
}

TEST(ServiceDocuments, Files) {
  FileOffer offer{.size = 1ULL << 32, .name = "a.is"};
  offer.id.bytes = counting();
  const FileAnswer accepted = FileAccepted{64 * 1024 * 1024};
  const FileAnswer refused = FileFailure{.code = "file.quota", .message = "full"};
  const FileEnd end = FileComplete{counting()};
  const FileResult stored = FileStored{.sha256 = counting(), .name = "a.is"};
  const FileResult restart = FileRestart{};
  const std::map<std::string, std::string> expected{
      {"files offer", record(FileRecord::kOffer, encode(offer))},
      {"files accepted", record(FileRecord::kAnswer, encode(accepted))},
      {"files refused", record(FileRecord::kAnswer, encode(refused))},
      {"files end", record(FileRecord::kEnd, encode(end))},
      {"files result", record(FileRecord::kResult, encode(stored))},
      {"files restart", record(FileRecord::kResult, encode(restart))}};
  EXPECT_EQ(examples_of("files.md"), expected);
}

}  // namespace
}  // namespace i2::stoq::core
