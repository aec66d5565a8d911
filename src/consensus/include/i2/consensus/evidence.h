// Evidence: what convicts a validator. Two objects that it signed and that an honest validator
// never signs both, or one that anybody can check.
//
// Silence and slowness prove nothing and are not evidence.
#pragma once

#include <i2/consensus/message.h>

#include <span>
#include <string_view>
#include <variant>

namespace i2::consensus {

inline constexpr std::uint16_t kEvidenceType = 0x0306;
inline constexpr std::size_t kEvidenceSizeMax = 48 * 1024;

// E1 notarize twice, E2 finalize twice (or finalize what it did not notarize), E3 nullify and
// finalize.
struct ContradictingVotes {
  Vote first;
  Vote second;  // the greater statement
  friend bool operator==(const ContradictingVotes&, const ContradictingVotes&) = default;
};
// E4: the leader proposed twice in one view.
struct DoubleProposal {
  SignedProposal first;
  SignedProposal second;  // the greater id
  friend bool operator==(const DoubleProposal&, const DoubleProposal&) = default;
};
// E5: a proposal that its own justification does not allow; with a vote, who notarized it. There
// are too few or too many certificates, or one of them is wrong.
struct UnjustifiedProposal {
  SignedProposal proposal;
  JustificationDigest digest;
  struct Wrong {
    std::uint32_t index = 0;
    Certificate certificate;
    friend bool operator==(const Wrong&, const Wrong&) = default;
  };
  std::optional<Wrong> wrong;
  std::optional<Vote> vote;
  friend bool operator==(const UnjustifiedProposal&, const UnjustifiedProposal&) = default;
};

using Evidence = std::variant<ContradictingVotes, DoubleProposal, UnjustifiedProposal>;

// "double_notarize", "double_finalize", "nullify_and_finalize", "double_proposal",
// "unjustified_proposal", "unjustified_vote".
[[nodiscard]] std::string_view name(const Evidence& evidence);

// The validator that it convicts. Error: consensus.evidence_invalid: it proves nothing, with the
// reason.
[[nodiscard]] Result<ValidatorIndex> convict(const ValidatorSet& set, const Evidence& evidence);

// Of two certificates that cannot both come from honest validators: those who signed both, at least
// a third of the weight when they do contradict.
[[nodiscard]] std::vector<Evidence> double_signers(const Certificate& a, const Certificate& b);

// Of a sealed chain that accounts for the view of `seal`, which it leaves out: `chain` led to
// `other`. E7: who signed on both sides.
[[nodiscard]] std::vector<Evidence> fork_evidence(const Seal& seal,
                                                  std::span<const ProposalMessage> chain,
                                                  const Seal& other);

[[nodiscard]] Evidence contradicting_votes(Vote a, Vote b);
// None when the proposal is justified.
[[nodiscard]] std::optional<Evidence> unjustified_proposal(const ValidatorSet& set,
                                                           const SignedProposal& proposal,
                                                           const Justification& justification,
                                                           const IsKnown& known = {});
[[nodiscard]] Evidence double_proposal(const ValidatorSet& set, SignedProposal a, SignedProposal b);

[[nodiscard]] Bytes encode(const Evidence& evidence);
// Form only. Error: consensus.malformed.
[[nodiscard]] Result<Evidence> decode_evidence(ByteView encoding);

}  // namespace i2::consensus
