// Proposals: what the leader of a view wants to come next, and why it may.
//
// A proposal names its parent, a proposal of an earlier view, and commits to its justification: the
// parent's notarization and a nullification of every view in between. That is what makes every
// violation of safety come down to two signed votes that contradict each other
// (docs/consensus.md, "Accountability").
#pragma once

#include <i2/consensus/vote.h>

namespace i2::consensus {

// What is ordered: a block of the fleet. The engine does not look into it.
using PayloadId = Id256<struct PayloadIdTag>;

inline constexpr std::uint16_t kProposalType = 0x0304;
inline constexpr std::uint16_t kJustificationType = 0x0305;
// Views between a proposal and its parent.
inline constexpr std::size_t kSkippedMax = 16'384;
inline constexpr std::size_t kPayloadSizeMax = 2 * 1024 * 1024;

struct Proposal {
  View view = 0;
  View parent_view = 0;  // 0: what the epoch began with
  ProposalId parent;     // zero then
  PayloadId payload;
  Hash256 justification{};  // hash(digest())
  friend bool operator==(const Proposal&, const Proposal&) = default;
};

struct SignedProposal {
  Proposal proposal;
  Bytes signature;  // of the view's leader
  friend bool operator==(const SignedProposal&, const SignedProposal&) = default;
};

struct Justification {
  std::optional<Certificate> parent;        // it is notarized or finalized; none for view 0
  std::vector<Certificate> nullifications;  // of the views in between, ascending
  friend bool operator==(const Justification&, const Justification&) = default;
};
// What a proposal commits to: the hash of each certificate, the parent's first. One of them can be
// shown without the others.
struct JustificationDigest {
  bool has_parent = false;
  std::vector<Hash256> certificates;
  friend bool operator==(const JustificationDigest&, const JustificationDigest&) = default;
};

[[nodiscard]] ProposalId id(const ValidatorSet& set, const Proposal& proposal);
[[nodiscard]] JustificationDigest digest(const Justification& justification);
[[nodiscard]] Hash256 hash(const Certificate& certificate);
[[nodiscard]] Hash256 hash(const JustificationDigest& digest);

// Error: crypto.sign.
[[nodiscard]] Result<SignedProposal> sign_proposal(const ValidatorSet& set,
                                                   const VoteSigner& leader,
                                                   const Proposal& proposal);
// The signature alone.
[[nodiscard]] bool verify(const ValidatorSet& set, const SignedProposal& proposal);
// Whether `justification` allows `proposal`, which commits to it. Everything that an honest leader
// makes is; whoever signs something else has lied.
[[nodiscard]] bool justifies(const ValidatorSet& set, const Justification& justification,
                             const Proposal& proposal);
// The two halves of it: that there are as many certificates as it takes, and that the `index`-th is
// one that it takes.
[[nodiscard]] bool has_shape(const JustificationDigest& digest, const Proposal& proposal);
[[nodiscard]] bool fits(const ValidatorSet& set, const Certificate& certificate, std::size_t index,
                        const Proposal& proposal, const IsKnown& known = {});
// The certificates of `justification`, the parent's first.
[[nodiscard]] std::vector<Certificate> certificates(const Justification& justification);

void write(wire::CanonicalWriter& w, const Proposal& proposal);
void write(wire::CanonicalWriter& w, const SignedProposal& proposal);
void write(wire::CanonicalWriter& w, const Justification& justification);
void write(wire::CanonicalWriter& w, const JustificationDigest& digest);
// They mark `r` as failed when the field is not acceptable.
[[nodiscard]] Proposal read_proposal(wire::CanonicalReader& r);
[[nodiscard]] SignedProposal read_signed_proposal(wire::CanonicalReader& r);
[[nodiscard]] Justification read_justification(wire::CanonicalReader& r);
[[nodiscard]] JustificationDigest read_digest(wire::CanonicalReader& r);

// Why a payload is final: a proposal of it, and the votes that finalize that one. A payload before
// it in the chain is final because of it.
struct Seal {
  Proposal proposal;
  Certificate finalization;
  friend bool operator==(const Seal&, const Seal&) = default;
};
[[nodiscard]] bool verify(const ValidatorSet& set, const Seal& seal);
void write(wire::CanonicalWriter& w, const Seal& seal);
[[nodiscard]] Seal read_seal(wire::CanonicalReader& r);

}  // namespace i2::consensus
