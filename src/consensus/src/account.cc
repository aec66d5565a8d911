#include <i2/consensus/account.h>

#include <algorithm>

namespace i2::consensus {
namespace {

constexpr std::uint16_t kAccountVersion = 1;
// An honest account has two certificates of one view, each signed by everybody at most.
constexpr std::size_t kSignersMax = 2 * kValidatorsMax;

}  // namespace

std::optional<Account> make_account(std::span<const ProposalMessage> chain, const Seal& seal) {
  if (chain.size() > kAccountProposalsMax) {
    return std::nullopt;
  }
  Account out{.seal = seal, .chain = {}};
  for (const ProposalMessage& message : chain) {
    out.chain.push_back(
        {.proposal = message.proposal, .justification = message.justification, .payload = {}});
  }
  return out;
}

Bytes encode(const Account& account) {
  wire::CanonicalWriter w(kAccountType, kAccountVersion);
  write(w, account.seal);
  w.count(account.chain.size());
  for (const ProposalMessage& message : account.chain) {
    write(w, message.proposal);
    write(w, message.justification);
  }
  return std::move(w).take();
}

Result<Account> decode_account(ByteView encoding) {
  if (encoding.size() > kAccountSizeMax) {
    return fail("consensus.malformed", "the account is too large");
  }
  wire::CanonicalReader r(encoding, kAccountType, kAccountVersion);
  Account out;
  out.seal = read_seal(r);
  const std::size_t count = r.count(kAccountProposalsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    ProposalMessage& message = out.chain.emplace_back();
    message.proposal = read_signed_proposal(r);
    message.justification = read_justification(r);
  }
  if (!r.finish()) {
    return fail("consensus.malformed", "the account is malformed");
  }
  return out;
}

Culprits contradictions(const ValidatorSet& set, const Seal& seal, const Account& account) {
  Culprits out;
  auto all = fork_evidence(seal, account.chain, account.seal);
  all.resize(std::min(all.size(), kSignersMax), contradicting_votes({}, {}));
  for (Evidence& evidence : all) {
    if (const auto who = convict(set, evidence)) {
      out.try_emplace(*who, std::move(evidence));
    }
  }
  return out;
}

bool exceeds_tolerance(const ValidatorSet& set, const Culprits& culprits) {
  Weight lied = 0;
  for (const auto& [who, evidence] : culprits) {
    lied += set.at(who).weight;
  }
  return lied > set.tolerated();
}

}  // namespace i2::consensus
