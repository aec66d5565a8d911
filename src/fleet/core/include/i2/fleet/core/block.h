// Block: operations in their order, and what the state is after them. docs/wire/block.md.
//
// Why a block is final is its seal's business (seal.h): among several validators it comes later.
#pragma once

#include <i2/fleet/core/operation.h>

namespace i2::fleet {

using BlockId = Id256<struct BlockIdTag>;

inline constexpr trustchain::Domain kBlockDomain{"i2/block/v1"};
inline constexpr std::uint16_t kBlockType = 0x0208;

inline constexpr std::size_t kBlockOperationsMax = 256;
inline constexpr std::size_t kBlockSizeMax = 1024 * 1024;  // encoded
// Of all operations together; one that is no batch has one. What a block may cost does not grow
// with how small its author makes the steps.
inline constexpr std::size_t kBlockStepsMax = 4096;

struct BlockHeader {
  ChainId chain_id;
  std::uint64_t height = 0;  // of the first block: 1
  BlockId previous;          // of the first block: zero
  UnixMillis time = 0;       // later than that of the block before
  NodeId proposer;           // a validator
  Hash256 operations{};      // operations_hash()
  Hash256 state{};           // app hash after the last operation
  friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

struct Block {
  BlockHeader header;
  std::vector<Bytes> operations;  // encoded; at most kBlockOperationsMax; none in a heartbeat
  friend bool operator==(const Block&, const Block&) = default;
};

[[nodiscard]] Hash256 operations_hash(std::span<const Bytes> operations);
[[nodiscard]] BlockId id(const BlockHeader& header);

// The bytes that are hashed, and signed by a validator that is alone.
[[nodiscard]] Bytes encode(const BlockHeader& header);
[[nodiscard]] Bytes encode(const Block& block);
// Form, and that the operations are those of the header. Error: fleet.block_invalid.
[[nodiscard]] Result<Block> decode_block(ByteView encoding);

// As fields of another encoding. The reader marks `r` as failed.
void write(wire::CanonicalWriter& w, const BlockHeader& header);
[[nodiscard]] BlockHeader read_block_header(wire::CanonicalReader& r);

}  // namespace i2::fleet
