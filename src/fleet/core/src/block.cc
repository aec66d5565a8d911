#include <i2/crypto/hash.h>
#include <i2/fleet/core/block.h>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kBlockVersion = 1;
constexpr std::uint16_t kHeaderType = 0x020a;
constexpr std::string_view kOperationsDomain = "i2/operations/v1";

void write(wire::CanonicalWriter& w, const BlockHeader& header) {
  w.fixed(header.chain_id.view());
  w.u64(header.height);
  w.fixed(header.previous.view());
  w.u64(header.time);
  w.fixed(header.proposer.view());
  w.fixed(header.operations);
  w.fixed(header.state);
}

void write(wire::CanonicalWriter& w, const SignedHeader& head) {
  write(w, head.header);
  trustchain::write(w, head.signature);
}

SignedHeader read_head(wire::CanonicalReader& r) {
  SignedHeader out;
  out.header.chain_id.bytes = r.fixed<32>();
  out.header.height = r.u64();
  out.header.previous.bytes = r.fixed<32>();
  out.header.time = r.u64();
  out.header.proposer.bytes = r.fixed<32>();
  out.header.operations = r.fixed<32>();
  out.header.state = r.fixed<32>();
  out.signature = trustchain::read_signature(r);
  if (out.header.height == 0) {
    r.fail();
  }
  return out;
}

// The bytes that are signed and hashed.
Bytes encode(const BlockHeader& header) {
  wire::CanonicalWriter w(kHeaderType, kBlockVersion);
  write(w, header);
  return std::move(w).take();
}

std::unexpected<Error> invalid_block(std::string what) {
  return fail("fleet.block_invalid", "the block " + std::move(what));
}

}  // namespace

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

Result<SignedHeader> sign_header(const BlockHeader& header, const trustchain::HybridKey& proposer) {
  SignedHeader out{.header = header, .signature = {}};
  I2_TRY_VALUE(out.signature, proposer.sign(kBlockDomain, encode(header)));
  return out;
}

Result<void> verify_header(const SignedHeader& head, const trustchain::HybridPublicKey& proposer) {
  if (head.header.proposer != trustchain::node_id(proposer) ||
      !proposer.verify(kBlockDomain, encode(head.header), head.signature)) {
    return invalid_block("is not signed by the member that orders this fleet's operations");
  }
  return {};
}

Bytes encode(const Block& block) {
  wire::CanonicalWriter w(kBlockType, kBlockVersion);
  write(w, block.head);
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
  out.head = read_head(r);
  const std::size_t count = r.count(kBlockOperationsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.operations.push_back(to_bytes(r.bytes(kOperationSizeMax)));
  }
  if (!r.finish() || out.operations.empty()) {
    return invalid_block("is malformed");
  }
  if (operations_hash(out.operations) != out.head.header.operations) {
    return invalid_block("does not hold the operations that its header names");
  }
  return out;
}

Bytes encode(const SignedHeader& head) {
  wire::CanonicalWriter w(kSnapshotPointType, kBlockVersion);
  write(w, head);
  return std::move(w).take();
}

Result<SignedHeader> decode_snapshot_point(ByteView encoding) {
  wire::CanonicalReader r(encoding, kSnapshotPointType, kBlockVersion);
  SignedHeader out = read_head(r);
  if (!r.finish()) {
    return fail("fleet.block_invalid", "the snapshot point is malformed");
  }
  return out;
}

}  // namespace i2::fleet
