// What the parts of Ledger share: the keys of its database, and looks at what is in it.
#pragma once

#include <i2/fleet/ledger.h>
#include <i2/wire/reader.h>

namespace i2::fleet {

// First bytes of the keys of the database.
inline constexpr std::uint8_t kMeta = 'm';
inline constexpr std::uint8_t kHead = 'h';
inline constexpr std::uint8_t kBlock = 'b';
inline constexpr std::uint8_t kSeal = 'e';
inline constexpr std::uint8_t kLink = 'l';
inline constexpr std::uint8_t kIndex = 'i';
inline constexpr std::uint8_t kState = 's';
inline constexpr std::uint8_t kAccount = 'a';  // epoch and view of a seal: its height, the account
inline constexpr std::uint32_t kFormat = 2;

inline Bytes key(std::uint8_t what, ByteView rest = {}) {
  Bytes out{what};
  append(out, rest);
  return out;
}

inline Bytes key_at(std::uint8_t what, std::uint64_t height) {
  Bytes out{what};
  wire::Writer(out).u64(height);
  return out;
}

inline Bytes account_key(EpochNumber epoch, consensus::View view) {
  Bytes out = key_at(kAccount, epoch);
  wire::Writer(out).u64(view);
  return out;
}

inline std::unexpected<Error> damaged(const std::string& what) {
  return fail("fleet.ledger_damaged",
              "the ledger is damaged (" + what + "): restore the data directory from a backup");
}

inline store::Head head_of(const Chain& chain) {
  return {.sequence = chain.head.height, .digest = tip(chain).bytes};
}

// A validator that is alone signs blocks as itself, with Falcon too.
inline bool wants_confirmation(const EpochLink& link) {
  return link.confirmations.empty() && std::holds_alternative<consensus::Seal>(link.boundary.seal);
}

// Whether those to whom `known` leads have sealed `head`, and it names `state`. Errors:
// fleet.block_invalid, fleet.snapshot_invalid, fleet.state_invalid.
[[nodiscard]] Result<void> check_snapshot(const Authority& known, const ChainId& chain,
                                          const SealedHeader& head, const StateTree& state);

}  // namespace i2::fleet
