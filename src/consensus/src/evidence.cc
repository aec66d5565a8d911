#include <i2/consensus/evidence.h>

#include <algorithm>

namespace i2::consensus {
namespace {

constexpr std::uint16_t kEvidenceVersion = 1;

enum class Tag : std::uint8_t { kVotes = 1, kProposals = 2, kUnjustified = 3 };

std::unexpected<Error> proves_nothing(const char* why) {
  return fail("consensus.evidence_invalid", std::string("the evidence proves nothing: ") + why);
}

Result<ValidatorIndex> convict_one(const ValidatorSet& set, const ContradictingVotes& votes) {
  if (votes.first.signer != votes.second.signer) {
    return proves_nothing("the votes are of two validators");
  }
  if (!(votes.first.statement < votes.second.statement) ||
      !contradict(votes.first.statement, votes.second.statement)) {
    return proves_nothing("the votes do not contradict each other");
  }
  if (!verify(set, votes.first) || !verify(set, votes.second)) {
    return proves_nothing("a vote is not signed by the validator");
  }
  return votes.first.signer;
}

Result<ValidatorIndex> convict_one(const ValidatorSet& set, const DoubleProposal& proposals) {
  const Proposal& first = proposals.first.proposal;
  const Proposal& second = proposals.second.proposal;
  if (first.view != second.view || !(id(set, first) < id(set, second))) {
    return proves_nothing("the proposals are not two of one view");
  }
  if (!verify(set, proposals.first) || !verify(set, proposals.second)) {
    return proves_nothing("a proposal is not signed by the leader of its view");
  }
  return set.leader(first.view);
}

Result<ValidatorIndex> convict_one(const ValidatorSet& set,
                                   const UnjustifiedProposal& unjustified) {
  const Proposal& proposal = unjustified.proposal.proposal;
  if (hash(unjustified.digest) != proposal.justification) {
    return proves_nothing("the proposal does not commit to that justification");
  }
  if (unjustified.wrong) {
    const auto& [index, certificate] = *unjustified.wrong;
    if (index >= unjustified.digest.certificates.size() ||
        hash(certificate) != unjustified.digest.certificates[index]) {
      return proves_nothing("the certificate is not one of the proposal's");
    }
    if (has_shape(unjustified.digest, proposal) && fits(set, certificate, index, proposal)) {
      return proves_nothing("the certificate is one that the proposal needs");
    }
  } else if (has_shape(unjustified.digest, proposal)) {
    return proves_nothing("the proposal has as many certificates as it needs");
  }
  if (!verify(set, unjustified.proposal)) {
    return proves_nothing("the proposal is not signed by the leader of its view");
  }
  if (!unjustified.vote) {
    return set.leader(proposal.view);
  }
  const Statement expected{
      .view = proposal.view, .kind = VoteKind::kNotarize, .proposal = id(set, proposal)};
  if (unjustified.vote->statement != expected || !verify(set, *unjustified.vote)) {
    return proves_nothing("the vote is not for that proposal");
  }
  return unjustified.vote->signer;
}

void write_one(wire::CanonicalWriter& w, const ContradictingVotes& votes) {
  w.u8(static_cast<std::uint8_t>(Tag::kVotes));
  write(w, votes.first);
  write(w, votes.second);
}

void write_one(wire::CanonicalWriter& w, const DoubleProposal& proposals) {
  w.u8(static_cast<std::uint8_t>(Tag::kProposals));
  write(w, proposals.first);
  write(w, proposals.second);
}

void write_one(wire::CanonicalWriter& w, const UnjustifiedProposal& unjustified) {
  w.u8(static_cast<std::uint8_t>(Tag::kUnjustified));
  write(w, unjustified.proposal);
  write(w, unjustified.digest);
  w.boolean(unjustified.wrong.has_value());
  if (unjustified.wrong) {
    w.u32(unjustified.wrong->index);
    write(w, unjustified.wrong->certificate);
  }
  w.boolean(unjustified.vote.has_value());
  if (unjustified.vote) {
    write(w, *unjustified.vote);
  }
}

Evidence read_evidence(wire::CanonicalReader& r) {
  switch (Tag{r.u8()}) {
    case Tag::kVotes: {
      ContradictingVotes out;
      out.first = read_vote(r);
      out.second = read_vote(r);
      return out;
    }
    case Tag::kProposals: {
      DoubleProposal out;
      out.first = read_signed_proposal(r);
      out.second = read_signed_proposal(r);
      return out;
    }
    case Tag::kUnjustified: {
      UnjustifiedProposal out;
      out.proposal = read_signed_proposal(r);
      out.digest = read_digest(r);
      if (r.boolean()) {
        const std::uint32_t index = r.u32();
        out.wrong = {.index = index, .certificate = read_certificate(r)};
      }
      if (r.boolean()) {
        out.vote = read_vote(r);
      }
      return out;
    }
  }
  r.fail();
  return ContradictingVotes{};
}

std::string_view name_of(const ContradictingVotes& votes) {
  const VoteKind first = votes.first.statement.kind;
  const VoteKind second = votes.second.statement.kind;
  if (first == VoteKind::kNullify || second == VoteKind::kNullify) {
    return "nullify_and_finalize";
  }
  return first == VoteKind::kNotarize && second == VoteKind::kNotarize ? "double_notarize"
                                                                       : "double_finalize";
}
std::string_view name_of(const DoubleProposal& /*proposals*/) {
  return "double_proposal";
}
std::string_view name_of(const UnjustifiedProposal& unjustified) {
  return unjustified.vote ? "unjustified_vote" : "unjustified_proposal";
}

}  // namespace

std::string_view name(const Evidence& evidence) {
  return std::visit([](const auto& one) { return name_of(one); }, evidence);
}

Result<ValidatorIndex> convict(const ValidatorSet& set, const Evidence& evidence) {
  return std::visit([&](const auto& one) { return convict_one(set, one); }, evidence);
}

std::vector<Evidence> double_signers(const Certificate& a, const Certificate& b) {
  std::vector<Evidence> out;
  if (!contradict(a.statement, b.statement)) {
    return out;
  }
  const std::vector<Vote> others = votes(b);
  for (const Vote& vote : votes(a)) {
    const auto other = std::ranges::find(others, vote.signer, &Vote::signer);
    if (other != others.end()) {
      out.push_back(contradicting_votes(vote, *other));
    }
  }
  return out;
}

std::vector<Evidence> fork_evidence(const Seal& seal, std::span<const ProposalMessage> chain,
                                    const Seal& other) {
  std::vector<Evidence> out = double_signers(seal.finalization, other.finalization);
  for (const ProposalMessage& message : chain) {
    for (const Certificate& certificate : certificates(message.justification)) {
      std::ranges::move(double_signers(seal.finalization, certificate), std::back_inserter(out));
    }
  }
  return out;
}

Evidence contradicting_votes(Vote a, Vote b) {
  if (b.statement < a.statement) {
    std::swap(a, b);
  }
  return ContradictingVotes{.first = std::move(a), .second = std::move(b)};
}

std::optional<Evidence> unjustified_proposal(const ValidatorSet& set,
                                             const SignedProposal& proposal,
                                             const Justification& justification,
                                             const IsKnown& known) {
  UnjustifiedProposal out{
      .proposal = proposal, .digest = digest(justification), .wrong = {}, .vote = {}};
  if (!has_shape(out.digest, proposal.proposal)) {
    return out;
  }
  std::uint32_t index = 0;
  for (const Certificate& certificate : certificates(justification)) {
    if (!fits(set, certificate, index, proposal.proposal, known)) {
      out.wrong = {.index = index, .certificate = certificate};
      return out;
    }
    ++index;
  }
  return std::nullopt;
}

Evidence double_proposal(const ValidatorSet& set, SignedProposal a, SignedProposal b) {
  if (id(set, b.proposal) < id(set, a.proposal)) {
    std::swap(a, b);
  }
  return DoubleProposal{.first = std::move(a), .second = std::move(b)};
}

Bytes encode(const Evidence& evidence) {
  wire::CanonicalWriter w(kEvidenceType, kEvidenceVersion);
  std::visit([&](const auto& one) { write_one(w, one); }, evidence);
  return std::move(w).take();
}

Result<Evidence> decode_evidence(ByteView encoding) {
  if (encoding.size() > kEvidenceSizeMax) {
    return fail("consensus.malformed", "the evidence is too large");
  }
  wire::CanonicalReader r(encoding, kEvidenceType, kEvidenceVersion);
  Evidence out = read_evidence(r);
  if (!r.finish()) {
    return fail("consensus.malformed", "the evidence is malformed");
  }
  return out;
}

}  // namespace i2::consensus
