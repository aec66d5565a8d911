// Account: why the views up to a seal ended as they did. Of a sealed chain its proposals, each with
// what justifies it: for every view a notarized proposal, or a nullification.
//
// Two seals of one epoch that do not stand on one chain come down to votes that contradict each
// other: those of the one seal, and those in the account of the other one.
#pragma once

#include <i2/consensus/evidence.h>

#include <map>

namespace i2::consensus {

inline constexpr std::uint16_t kAccountType = 0x0308;
inline constexpr std::size_t kAccountSizeMax = 16 * 1024 * 1024;
inline constexpr std::size_t kAccountProposalsMax = 4096;

struct Account {
  Seal seal;
  std::vector<ProposalMessage> chain;  // ascending, up to the seal's; without their payloads
  friend bool operator==(const Account&, const Account&) = default;
};

[[nodiscard]] Bytes encode(const Account& account);
// Of what an engine has committed, payloads and all. None when it is too large to be shown to
// anybody.
[[nodiscard]] std::optional<Bytes> encode_account(std::span<const ProposalMessage> chain,
                                                  const Seal& seal);
// Form only. Error: consensus.malformed.
[[nodiscard]] Result<Account> decode_account(ByteView encoding);

// Those who signed both `seal` and a certificate in `account` that cannot stand beside it, each
// with what convicts it: more than a set tolerates, as two quorums have so many in common. Nobody
// when they are of one chain, or when the account does not tell of the seal's view. `seal` has been
// verified; of the account nothing is believed.
using Culprits = std::map<ValidatorIndex, Evidence>;
[[nodiscard]] Culprits contradictions(const ValidatorSet& set, const Seal& seal,
                                      const Account& account);

}  // namespace i2::consensus
