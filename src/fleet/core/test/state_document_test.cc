// Checks what docs/wire/{state,operation,block}.md say about the examples in corpus/.
#include <i2/fleet/core/state_machine.h>
#include <i2/fleet/core/state_snapshot.h>

#include "documents.h"

namespace i2::fleet {
namespace {

using testing::examples;
using testing::read_file;

StateTree three_pairs() {
  StateTree out;
  out.put(as_bytes("a"), as_bytes("1"));
  out.put(as_bytes("ab"), {});
  out.put(as_bytes("b"), as_bytes("2"));
  return out;
}

TEST(StateDocument, SaysTheHashesOfSmallStates) {
  const auto text = examples("state.md");
  ASSERT_EQ(text.size(), 3u);
  EXPECT_EQ(text.at("app hash of nothing"), to_hex(StateTree().root()));
  EXPECT_EQ(text.at("app hash of three pairs"), to_hex(three_pairs().root()));
  EXPECT_EQ(text.at("chunk at offset 1"), to_hex(encode_chunk(three_pairs(), 1, 1)));
}

TEST(OperationDocument, NamesTheExamples) {
  const auto text = examples("operation.md");
  ASSERT_EQ(text.size(), 3u);  // one is batch_test.cc's
  const auto admit = decode_operation(read_file("corpus/fuzz_fleet_operation/admit")).value();
  EXPECT_EQ(admit.kind, kAdmit);
  EXPECT_EQ(text.at("operation id of admit"), id(admit).hex());
  EXPECT_EQ(text.at("account of admit"), admit.account.hex());
}

// The golden history: every build on every compiler must reach this state.
TEST(BlockDocument, TheExampleBlocksLeadToTheDocumentedState) {
  const auto text = examples("block.md");
  ASSERT_EQ(text.size(), 3u);
  const auto genesis = decode_genesis(read_file("corpus/fuzz_fleet_block/genesis"));
  ASSERT_TRUE(genesis);
  ASSERT_TRUE(verify_genesis(*genesis));
  const StateMachine machine;
  Chain chain = StateMachine::begin(*genesis).value();
  for (int number = 1; number <= 3; ++number) {
    const auto block =
        decode_block(read_file("corpus/fuzz_fleet_block/block" + std::to_string(number)));
    ASSERT_TRUE(block) << number;
    const auto executed = machine.execute(chain, *block);
    ASSERT_TRUE(executed) << executed.error().to_string();
    chain = executed->chain;
    if (number == 1) {
      EXPECT_EQ(text.at("id of block 1"), tip(chain).hex());
    }
  }
  EXPECT_EQ(text.at("id of block 3"), tip(chain).hex());
  EXPECT_EQ(text.at("app hash after block 3"), to_hex(chain.state.root()));
  EXPECT_EQ(decode_snapshot_point(read_file("corpus/fuzz_fleet_block/point")).value().header,
            chain.head);
}

}  // namespace
}  // namespace i2::fleet
