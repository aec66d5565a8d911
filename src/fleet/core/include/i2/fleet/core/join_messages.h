// The messages of `stoq-join/1`, and how they follow one another on a stream. docs/wire/join.md.
//
// Each is a canonical record behind its length (u32). The server speaks first.
#pragma once

#include <i2/fleet/core/block.h>
#include <i2/fleet/core/join_proof.h>
#include <i2/fleet/core/member_set.h>
#include <i2/fleet/core/peer_hint.h>
#include <i2/fleet/core/seal.h>
#include <i2/fleet/core/state_snapshot.h>
#include <i2/trustchain/core/binding.h>

#include <variant>

namespace i2::fleet {

inline constexpr std::size_t kJoinMessageMax = 640 * 1024;
// What a client may send: a request, of so many bytes at most.
inline constexpr std::size_t kJoinRequestMax = 32 * 1024;
inline constexpr std::size_t kCertificateRequestMax = 8192;
inline constexpr std::size_t kRefusalMessageMax = 512;

// Server, at once: who it is and of which fleet.
struct JoinOffer {
  Genesis genesis;
  std::vector<trustchain::AnchorRecord> anchors;
  trustchain::HybridPublicKey identity;
  Bytes binding;  // of the leaf that it shows in this very handshake
};

// Client, after it has checked the offer.
struct JoinRequest {
  JoinProof proof;
  Bytes certificate_request;  // DER; the proof has its digest
  std::string name;           // that it would like to have
};

// Server, before it accepts: others seal blocks than before.
struct JoinLink {
  EpochLink link;
};

// Server: it is a member now. The chunks of the state follow, until they are complete.
struct JoinAccepted {
  std::string name;   // that it got
  Bytes leaf;         // DER
  EpochRecord epoch;  // in which `point` was sealed
  SealedHeader point;
  std::vector<PeerHint> peers;
};

struct JoinRefused {
  std::string code;
  std::string message;
};

struct JoinChunk {
  Bytes chunk;  // state_snapshot.h
};

using JoinMessage =
    std::variant<JoinOffer, JoinRequest, JoinAccepted, JoinRefused, JoinChunk, JoinLink>;

// With its length in front.
[[nodiscard]] Bytes encode(const JoinMessage& message);
// Without it. Error: trust.join_malformed.
[[nodiscard]] Result<JoinMessage> decode_join_message(ByteView record);

// Cuts a stream into records.
class JoinFramer {
 public:
  explicit JoinFramer(std::size_t size_max) : size_max_(size_max) {}
  void feed(ByteView bytes) { append(held_, bytes); }
  // The next record when it is complete. Error: trust.join_malformed, for one that is too long.
  [[nodiscard]] Result<std::optional<Bytes>> next();
  // Whether bytes are left that are no complete record.
  [[nodiscard]] bool empty() const { return held_.empty(); }

 private:
  std::size_t size_max_;
  Bytes held_;
};

}  // namespace i2::fleet
