// What validators of one epoch send each other (docs/wire/consensus.md). Ordered and reliable while
// two are connected; after a reconnect each greets the other again.
#pragma once

#include <i2/consensus/proposal.h>

#include <variant>

namespace i2::consensus {

inline constexpr std::uint16_t kMessageType = 0x0307;
inline constexpr std::size_t kMessageSizeMax = 16 * 1024 * 1024;

struct ProposalMessage {
  SignedProposal proposal;
  Justification justification;
  Bytes payload;  // empty: the parent's payload once more
  friend bool operator==(const ProposalMessage&, const ProposalMessage&) = default;
};

// First on a connection: where the sender is, and which votes of the receiver it has above its last
// seal. A receiver that does not know one of them has lost a part of its memory.
struct Greeting {
  View view = 0;
  std::vector<Vote> yours;
  friend bool operator==(const Greeting&, const Greeting&) = default;
};

// Answered with a ProposalMessage, or with the last seal when that is above the view.
struct FetchProposal {
  View view = 0;
  ProposalId proposal;
  friend bool operator==(const FetchProposal&, const FetchProposal&) = default;
};

// Answered with what the answerer has of notarizations and nullifications of these views.
struct FetchCertificates {
  View first = 0;
  View last = 0;
  friend bool operator==(const FetchCertificates&, const FetchCertificates&) = default;
};

using Message = std::variant<ProposalMessage, Vote, Certificate, Seal, Greeting, FetchProposal,
                             FetchCertificates>;

struct Envelope {
  EpochNumber epoch = 0;
  Message message;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

[[nodiscard]] Bytes encode(const Envelope& envelope);
// Form only. Error: consensus.malformed.
[[nodiscard]] Result<Envelope> decode_envelope(ByteView encoding);

}  // namespace i2::consensus
