// A member's statement of the keys with which it cosigns checkpoints as a witness.
//
// Witnesses have keys of their own, so that a node that lost what it cosigned (a restored backup)
// begins again under new ones and never contradicts itself under the old (docs/decisions). The
// identity vouches for them. docs/wire/trust.md, "Witness keys".
#pragma once

#include <i2/base/clock.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/hybrid.h>

#include <string>
#include <vector>

namespace i2::trustchain {

inline constexpr std::size_t kWitnessKeysMax = 4;
inline constexpr std::size_t kWitnessKeysSizeMax = 24 * 1024;  // encoded

// The name of all cosigning keys of a member: no other member's keys are taken for its own.
[[nodiscard]] std::string witness_name(const ChainId& chain, const NodeId& node);

struct WitnessKeys {
  ChainId chain;
  NodeId node;
  UnixMillis made_at = 0;  // of two statements the later one counts
  std::vector<ct::NoteKey> keys;
  HybridSignature signature;
};

// `keys`: 1 to 4, of kinds that cosign, named witness_name(). Error: crypto.sign.
[[nodiscard]] Result<WitnessKeys> make_witness_keys(const HybridKey& identity, const ChainId& chain,
                                                    UnixMillis made_at,
                                                    std::vector<ct::NoteKey> keys);
[[nodiscard]] Bytes encode(const WitnessKeys& statement);
// The bytes that are signed: the encoding without its signature.
[[nodiscard]] Bytes signed_part(const WitnessKeys& statement);
// Form only, the names and kinds of the keys included. Error: trust.witness_keys.
[[nodiscard]] Result<WitnessKeys> decode_witness_keys(ByteView encoding);
// Whether `node`, whose registered identity this is, made the statement for this fleet.
// Error: trust.witness_keys.
[[nodiscard]] Result<void> verify_witness_keys(const WitnessKeys& statement, const ChainId& chain,
                                               const NodeId& node, const HybridPublicKey& identity);

}  // namespace i2::trustchain
