#include <i2/consensus/account.h>

#include <algorithm>

namespace i2::consensus {
namespace {

constexpr std::uint16_t kAccountVersion = 1;
// Of one view; an honest account has no more.
constexpr std::size_t kCertificatesMax = 3;

Bytes encode_parts(const Seal& seal, std::span<const ProposalMessage> chain) {
  wire::CanonicalWriter w(kAccountType, kAccountVersion);
  write(w, seal);
  w.count(chain.size());
  for (const ProposalMessage& message : chain) {
    write(w, message.proposal);
    write(w, message.justification);
  }
  return std::move(w).take();
}

}  // namespace

Bytes encode(const Account& account) {
  return encode_parts(account.seal, account.chain);
}

std::optional<Bytes> encode_account(std::span<const ProposalMessage> chain, const Seal& seal) {
  if (chain.size() > kAccountProposalsMax) {
    return std::nullopt;
  }
  Bytes out = encode_parts(seal, chain);
  return out.size() > kAccountSizeMax ? std::nullopt : std::optional(std::move(out));
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
  std::size_t tried = 0;
  // Whether that is all there is to find.
  const auto blame = [&](const Certificate& certificate) {
    if (!contradict(seal.finalization.statement, certificate.statement)) {
      return false;
    }
    if (!verify(set, certificate)) {
      return ++tried >= kCertificatesMax;
    }
    for (Evidence& evidence : double_signers(seal.finalization, certificate)) {
      if (const auto who = convict(set, evidence)) {
        out.try_emplace(*who, std::move(evidence));
      }
    }
    return true;
  };
  if (blame(account.seal.finalization)) {
    return out;
  }
  for (const ProposalMessage& message : account.chain) {
    if (std::ranges::any_of(certificates(message.justification), blame)) {
      break;
    }
  }
  return out;
}

}  // namespace i2::consensus
