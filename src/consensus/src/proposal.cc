#include <i2/consensus/proposal.h>
#include <i2/crypto/hash.h>

namespace i2::consensus {
namespace {

constexpr std::uint16_t kProposalVersion = 1;
constexpr std::string_view kProposalDomain = "i2/proposal/v1";
constexpr std::string_view kJustificationDomain = "i2/justification/v1";
constexpr std::string_view kCertificateDomain = "i2/certificate/v1";

Bytes proposal_bytes(const ValidatorSet& set, const Proposal& proposal) {
  wire::CanonicalWriter w(kProposalType, kProposalVersion);
  w.fixed(set.chain_id().view());
  w.u64(set.epoch());
  write(w, proposal);
  Bytes out = to_bytes(as_bytes(kProposalDomain));
  append(out, std::move(w).take());
  return out;
}

}  // namespace

ProposalId id(const ValidatorSet& set, const Proposal& proposal) {
  return ProposalId{crypto::sha256(proposal_bytes(set, proposal))};
}

std::vector<Certificate> certificates(const Justification& justification) {
  std::vector<Certificate> out;
  if (justification.parent) {
    out.push_back(*justification.parent);
  }
  out.insert(out.end(), justification.nullifications.begin(), justification.nullifications.end());
  return out;
}

Hash256 hash(const Certificate& certificate) {
  return crypto::sha256({as_bytes(kCertificateDomain), encode(certificate)});
}

JustificationDigest digest(const Justification& justification) {
  JustificationDigest out{.has_parent = justification.parent.has_value(), .certificates = {}};
  for (const Certificate& certificate : certificates(justification)) {
    out.certificates.push_back(hash(certificate));
  }
  return out;
}

Hash256 hash(const JustificationDigest& digest) {
  wire::CanonicalWriter w(kJustificationType, kProposalVersion);
  write(w, digest);
  return crypto::sha256({as_bytes(kJustificationDomain), std::move(w).take()});
}

Result<SignedProposal> sign_proposal(const ValidatorSet& set, const VoteSigner& leader,
                                     const Proposal& proposal) {
  SignedProposal out{.proposal = proposal, .signature = {}};
  I2_TRY_VALUE(out.signature, leader.sign(proposal_bytes(set, proposal)));
  return out;
}

bool verify(const ValidatorSet& set, const SignedProposal& proposal) {
  const Validator& leader = set.at(set.leader(proposal.proposal.view));
  return leader.key->verify(proposal_bytes(set, proposal.proposal), proposal.signature);
}

bool has_shape(const JustificationDigest& digest, const Proposal& proposal) {
  const bool has_parent = proposal.parent_view != 0;
  return proposal.view > proposal.parent_view && digest.has_parent == has_parent &&
         has_parent == (proposal.parent != ProposalId{}) &&
         digest.certificates.size() ==
             proposal.view - proposal.parent_view - 1 + (has_parent ? 1 : 0);
}

bool fits(const ValidatorSet& set, const Certificate& certificate, std::size_t index,
          const Proposal& proposal, const IsKnown& known) {
  const Statement& statement = certificate.statement;
  // Without a parent the first certificate stands where the second one stands otherwise.
  const View view = proposal.parent_view + index + (proposal.parent_view == 0 ? 1 : 0);
  const bool is_parent = view == proposal.parent_view;
  const bool right =
      is_parent ? statement.kind != VoteKind::kNullify && statement.proposal == proposal.parent
                : statement.kind == VoteKind::kNullify;
  return statement.view == view && right && verify(set, certificate, known);
}

bool justifies(const ValidatorSet& set, const Justification& justification,
               const Proposal& proposal) {
  const JustificationDigest digest = consensus::digest(justification);
  if (hash(digest) != proposal.justification || !has_shape(digest, proposal)) {
    return false;
  }
  std::size_t index = 0;
  for (const Certificate& certificate : certificates(justification)) {
    if (!fits(set, certificate, index++, proposal)) {
      return false;
    }
  }
  return true;
}

void write(wire::CanonicalWriter& w, const Proposal& proposal) {
  w.u64(proposal.view);
  w.u64(proposal.parent_view);
  w.fixed(proposal.parent.view());
  w.fixed(proposal.payload.view());
  w.fixed(proposal.justification);
}

void write(wire::CanonicalWriter& w, const SignedProposal& proposal) {
  write(w, proposal.proposal);
  w.bytes(proposal.signature);
}

void write(wire::CanonicalWriter& w, const Justification& justification) {
  w.boolean(justification.parent.has_value());
  if (justification.parent) {
    write(w, *justification.parent);
  }
  w.count(justification.nullifications.size());
  for (const Certificate& nullification : justification.nullifications) {
    write(w, nullification);
  }
}

void write(wire::CanonicalWriter& w, const JustificationDigest& digest) {
  w.boolean(digest.has_parent);
  w.count(digest.certificates.size());
  for (const Hash256& certificate : digest.certificates) {
    w.fixed(certificate);
  }
}

Proposal read_proposal(wire::CanonicalReader& r) {
  Proposal out;
  out.view = r.u64();
  out.parent_view = r.u64();
  out.parent.bytes = r.fixed<32>();
  out.payload.bytes = r.fixed<32>();
  out.justification = r.fixed<32>();
  if (out.view == 0) {
    r.fail();
  }
  return out;
}

SignedProposal read_signed_proposal(wire::CanonicalReader& r) {
  SignedProposal out;
  out.proposal = read_proposal(r);
  out.signature = to_bytes(r.bytes(kVoteSignatureSizeMax));
  return out;
}

Justification read_justification(wire::CanonicalReader& r) {
  Justification out;
  if (r.boolean()) {
    out.parent = read_certificate(r);
  }
  const std::size_t count = r.count(kSkippedMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.nullifications.push_back(read_certificate(r));
  }
  return out;
}

JustificationDigest read_digest(wire::CanonicalReader& r) {
  JustificationDigest out;
  out.has_parent = r.boolean();
  const std::size_t count = r.count(kSkippedMax + 1);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.certificates.push_back(r.fixed<32>());
  }
  return out;
}

bool verify(const ValidatorSet& set, const Seal& seal) {
  const Statement expected{
      .view = seal.proposal.view, .kind = VoteKind::kFinalize, .proposal = id(set, seal.proposal)};
  return seal.finalization.statement == expected && verify(set, seal.finalization);
}

void write(wire::CanonicalWriter& w, const Seal& seal) {
  write(w, seal.proposal);
  write(w, seal.finalization);
}

Seal read_seal(wire::CanonicalReader& r) {
  Seal out;
  out.proposal = read_proposal(r);
  out.finalization = read_certificate(r);
  return out;
}

}  // namespace i2::consensus
