// Votes and certificates (docs/wire/consensus.md).
//
// A vote says one of three things about a view: notarize a proposal, nullify the view, finalize a
// proposal. A certificate is a quorum of votes that say the same.
//
// An honest validator never signs two votes of one view that contradict each other: notarize or
// finalize for two proposals, or nullify and finalize. Nullify may follow notarize.
#pragma once

#include <i2/base/clock.h>
#include <i2/consensus/validator_set.h>
#include <i2/wire/canonical.h>

#include <array>
#include <bitset>
#include <functional>

namespace i2::consensus {

using ProposalId = Id256<struct ProposalIdTag>;

// The u16 type in front of a canonical encoding; 0x03xx belongs to this library.
inline constexpr std::uint16_t kStatementType = 0x0301;
inline constexpr std::uint16_t kVoteType = 0x0302;
inline constexpr std::uint16_t kCertificateType = 0x0303;

enum class VoteKind : std::uint8_t { kNotarize = 1, kNullify = 2, kFinalize = 3 };
inline constexpr std::array kVoteKinds{VoteKind::kNotarize, VoteKind::kNullify,
                                       VoteKind::kFinalize};

// What a vote says. Chain and epoch are those of the set that it is verified against.
struct Statement {
  View view = 0;
  VoteKind kind = VoteKind::kNotarize;
  ProposalId proposal;  // of nullify: zero
  friend auto operator<=>(const Statement&, const Statement&) = default;
};

[[nodiscard]] constexpr bool contradict(const Statement& a, const Statement& b) {
  if (a.view != b.view || (a.kind == VoteKind::kNullify && b.kind == VoteKind::kNullify)) {
    return false;
  }
  if (a.kind == VoteKind::kNullify || b.kind == VoteKind::kNullify) {
    return a.kind == VoteKind::kFinalize || b.kind == VoteKind::kFinalize;
  }
  return a.proposal != b.proposal;
}

struct Vote {
  Statement statement;
  ValidatorIndex signer = 0;
  Bytes signature;
  friend bool operator==(const Vote&, const Vote&) = default;
};

// The signatures of the validators whose bits are set, in their order.
struct Certificate {
  Statement statement;
  std::bitset<kValidatorsMax> signers;
  std::vector<Bytes> signatures;
  friend bool operator==(const Certificate&, const Certificate&) = default;
};

// The bytes that are signed: the same statement in another chain or epoch is another message.
[[nodiscard]] Bytes signed_bytes(const ValidatorSet& set, const Statement& statement);

// Error: crypto.sign.
[[nodiscard]] Result<Vote> sign_vote(const ValidatorSet& set, ValidatorIndex signer,
                                     const VoteSigner& key, const Statement& statement);
[[nodiscard]] bool verify(const ValidatorSet& set, const Vote& vote);

// Of votes that all say `statement`, by different signers, verified by the caller.
[[nodiscard]] Certificate certify(const Statement& statement, std::vector<Vote> votes);
// The votes it consists of.
[[nodiscard]] std::vector<Vote> votes(const Certificate& certificate);
// Every signature, and that they are a quorum.
// `known`: whether this very vote has been verified before.
using IsKnown = std::function<bool(const Vote& vote)>;
[[nodiscard]] bool verify(const ValidatorSet& set, const Certificate& certificate,
                          const IsKnown& known = {});
[[nodiscard]] Weight weight(const ValidatorSet& set, const Certificate& certificate);

void write(wire::CanonicalWriter& w, const Vote& vote);
void write(wire::CanonicalWriter& w, const Certificate& certificate);
// They mark `r` as failed when the field is not acceptable.
[[nodiscard]] Vote read_vote(wire::CanonicalReader& r);
[[nodiscard]] Certificate read_certificate(wire::CanonicalReader& r);

// Form only. Error: consensus.malformed.
[[nodiscard]] Bytes encode(const Vote& vote);
[[nodiscard]] Result<Vote> decode_vote(ByteView encoding);
[[nodiscard]] Bytes encode(const Certificate& certificate);
[[nodiscard]] Result<Certificate> decode_certificate(ByteView encoding);

}  // namespace i2::consensus
