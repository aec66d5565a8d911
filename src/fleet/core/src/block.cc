#include <i2/crypto/hash.h>
#include <i2/fleet/core/block.h>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kBlockVersion = 1;
constexpr std::uint16_t kHeaderType = 0x020a;
constexpr std::string_view kOperationsDomain = "i2/operations/v1";

std::unexpected<Error> invalid_block(std::string what) {
  return fail("fleet.block_invalid", "the block " + std::move(what));
}

}  // namespace

void write(wire::CanonicalWriter& w, const BlockHeader& header) {
  w.fixed(header.chain_id.view());
  w.u64(header.height);
  w.fixed(header.previous.view());
  w.u64(header.time);
  w.fixed(header.proposer.view());
  w.fixed(header.operations);
  w.fixed(header.state);
}

BlockHeader read_block_header(wire::CanonicalReader& r) {
  BlockHeader out;
  out.chain_id.bytes = r.fixed<32>();
  out.height = r.u64();
  out.previous.bytes = r.fixed<32>();
  out.time = r.u64();
  out.proposer.bytes = r.fixed<32>();
  out.operations = r.fixed<32>();
  out.state = r.fixed<32>();
  if (out.height == 0) {
    r.fail();
  }
  return out;
}

Hash256 operations_hash(std::span<const Bytes> operations) {
  crypto::Sha256 hash;
  hash.update(as_bytes(kOperationsDomain));
  for (const Bytes& operation : operations) {
    hash.update(crypto::sha256(operation));
  }
  return hash.finish();
}

BlockId id(const BlockHeader& header) {
  return BlockId{trustchain::object_id(kBlockDomain, encode(header))};
}

Bytes encode(const BlockHeader& header) {
  wire::CanonicalWriter w(kHeaderType, kBlockVersion);
  write(w, header);
  return std::move(w).take();
}

Bytes encode(const Block& block) {
  wire::CanonicalWriter w(kBlockType, kBlockVersion);
  write(w, block.header);
  w.count(block.operations.size());
  for (const Bytes& operation : block.operations) {
    w.bytes(operation);
  }
  return std::move(w).take();
}

Result<Block> decode_block(ByteView encoding) {
  if (encoding.size() > kBlockSizeMax) {
    return invalid_block("is larger than a block may be");
  }
  wire::CanonicalReader r(encoding, kBlockType, kBlockVersion);
  Block out;
  out.header = read_block_header(r);
  const std::size_t count = r.count(kBlockOperationsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.operations.push_back(to_bytes(r.bytes(kOperationSizeMax)));
  }
  if (!r.finish()) {
    return invalid_block("is malformed");
  }
  if (operations_hash(out.operations) != out.header.operations) {
    return invalid_block("does not hold the operations that its header names");
  }
  return out;
}

}  // namespace i2::fleet
