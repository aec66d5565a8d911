#include <gtest/gtest.h>
#include <i2/stoq/core/chunk.h>
#include <ngtcp2/ngtcp2.h>

#include <numeric>

#include "../src/stream_state.h"

namespace i2::stoq::core {
namespace {

Bytes numbered(std::size_t size, std::uint8_t first = 0) {
  Bytes out(size);
  std::iota(out.begin(), out.end(), first);
  return out;
}

TEST(ReceiveBuffer, GivesBackWhatWentInWhateverThePieces) {
  const Bytes all = numbered(300'000);
  BlockPool pool;
  ReceiveBuffer buffer;
  std::size_t in = 0;
  Bytes out;
  for (std::size_t step = 1; out.size() < all.size(); step = step * 7 % 9001 + 1) {
    const std::size_t size = std::min(step, all.size() - in);
    buffer.append(ByteView(all).subspan(in, size), pool);
    in += size;
    if (step % 3 == 0 || in == all.size()) {
      const Chunk chunk = buffer.take(step * 2);
      append(out, chunk.view());
    }
  }
  EXPECT_EQ(out, all);
  EXPECT_TRUE(buffer.empty());
}

TEST(ReceiveBuffer, ChunksOutliveTheBuffer) {
  Chunk first;
  {
    BlockPool pool;
    ReceiveBuffer buffer;
    buffer.append(numbered(100), pool);
    first = buffer.take(40);
    buffer.append(numbered(5000), pool);
  }
  EXPECT_EQ(to_bytes(first.view()), numbered(40));
}

TEST(ReceiveBuffer, BulkComesInLargePieces) {
  BlockPool pool;
  ReceiveBuffer buffer;
  for (int i = 0; i < 200; ++i) {
    buffer.append(numbered(1400), pool);
  }
  std::size_t largest = 0;
  while (!buffer.empty()) {
    largest = std::max(largest, buffer.take(SIZE_MAX).size());
  }
  EXPECT_EQ(largest, ReceiveBuffer::kBlockMax);
}

TEST(SendQueue, GathersSendsAndReleasesInOrder) {
  SendQueue queue;
  queue.push(Chunk(numbered(10)));
  queue.push(Chunk(Bytes{}));
  queue.push(Chunk(numbered(20, 10)));
  EXPECT_EQ(queue.unsent(), 30u);
  ngtcp2_vec vectors[4];
  ASSERT_EQ(queue.gather(vectors, 4), 2u);
  EXPECT_EQ(vectors[0].len, 10u);
  EXPECT_EQ(vectors[1].len, 20u);
  queue.mark_sent(15);
  ASSERT_EQ(queue.gather(vectors, 4), 1u);
  EXPECT_EQ(vectors[0].len, 15u);
  EXPECT_EQ(vectors[0].base[0], 15);
  queue.acknowledge(12);
  EXPECT_EQ(queue.unacknowledged(), 18u);
  queue.mark_sent(15);
  EXPECT_EQ(queue.unsent(), 0u);
  queue.acknowledge(30);
  EXPECT_EQ(queue.unacknowledged(), 0u);
  queue.push(Chunk(numbered(3, 90)));
  ASSERT_EQ(queue.gather(vectors, 4), 1u);
  EXPECT_EQ(vectors[0].base[0], 90);
}

}  // namespace
}  // namespace i2::stoq::core
