// Block: operations in their order, and what the state is after them. docs/wire/block.md.
//
// The header is signed by the member that ordered it. Signature and header together are a snapshot
// point: they say which state the fleet had, without what led to it.
#pragma once

#include <i2/fleet/core/operation.h>

namespace i2::fleet {

using BlockId = Id256<struct BlockIdTag>;

inline constexpr trustchain::Domain kBlockDomain{"i2/block/v1"};
inline constexpr std::uint16_t kBlockType = 0x0208;
inline constexpr std::uint16_t kSnapshotPointType = 0x0209;

inline constexpr std::size_t kBlockOperationsMax = 256;
inline constexpr std::size_t kBlockSizeMax = 1024 * 1024;  // encoded

struct BlockHeader {
  ChainId chain_id;
  std::uint64_t height = 0;  // of the first block: 1
  BlockId previous;          // of the first block: zero
  UnixMillis time = 0;       // later than that of the block before
  NodeId proposer;
  Hash256 operations{};  // operations_hash()
  Hash256 state{};       // app hash after the last operation
  friend bool operator==(const BlockHeader&, const BlockHeader&) = default;
};

struct SignedHeader {
  BlockHeader header;
  trustchain::HybridSignature signature;  // of the proposer
  friend bool operator==(const SignedHeader&, const SignedHeader&) = default;
};

struct Block {
  SignedHeader head;
  std::vector<Bytes> operations;  // encoded; 1..kBlockOperationsMax
  friend bool operator==(const Block&, const Block&) = default;
};

[[nodiscard]] Hash256 operations_hash(std::span<const Bytes> operations);
[[nodiscard]] BlockId id(const BlockHeader& header);

// Error: crypto.sign.
[[nodiscard]] Result<SignedHeader> sign_header(const BlockHeader& header,
                                               const trustchain::HybridKey& proposer);
// Error: fleet.block_invalid.
[[nodiscard]] Result<void> verify_header(const SignedHeader& head,
                                         const trustchain::HybridPublicKey& proposer);

[[nodiscard]] Bytes encode(const Block& block);
// Form, and that the operations are those of the header. Error: fleet.block_invalid.
[[nodiscard]] Result<Block> decode_block(ByteView encoding);

[[nodiscard]] Bytes encode(const SignedHeader& head);
// Form only. Error: fleet.block_invalid.
[[nodiscard]] Result<SignedHeader> decode_snapshot_point(ByteView encoding);

}  // namespace i2::fleet
