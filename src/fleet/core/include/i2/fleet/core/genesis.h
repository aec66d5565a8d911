// Genesis: the value a fleet begins with and is named by. docs/wire/trust.md, "Genesis".
#pragma once

#include <i2/fleet/core/member.h>

#include <string>
#include <vector>

namespace i2::fleet {

inline constexpr std::size_t kGenesisSizeMax = 64 * 1024;  // encoded

struct Parameters {
  std::uint32_t proof_policy = 0;  // 0: an operation is proved by signature and nonce
  friend bool operator==(const Parameters&, const Parameters&) = default;
};

struct Genesis {
  std::string fleet_name;
  trustchain::HybridPublicKey root;
  crypto::PublicKey root_ecdsa;  // P-256: the root of the chain that ordinary clients see
  std::vector<trustchain::HybridPublicKey> operators;  // 1..kOperatorsMax, ascending by operator id
  std::uint8_t operators_required = 1;                 // m of n: 1..operators.size()
  MemberInfo first_member;                             // sponsors itself
  Parameters parameters;
  UnixMillis created = 0;
  trustchain::HybridSignature root_signature;
};

// Sorts the operators and sets the root's signature. Error: crypto.sign.
[[nodiscard]] Result<void> sign_genesis(Genesis& genesis, const trustchain::HybridKey& root);

[[nodiscard]] Bytes encode(const Genesis& genesis);
// The hash that names the fleet: of the encoding without the signature.
[[nodiscard]] ChainId chain_id(const Genesis& genesis);
// Form only. Error: fleet.genesis_invalid.
[[nodiscard]] Result<Genesis> decode_genesis(ByteView encoding);
// Whether the root it names has signed it. Error: fleet.genesis_invalid.
[[nodiscard]] Result<void> verify_genesis(const Genesis& genesis);

}  // namespace i2::fleet
