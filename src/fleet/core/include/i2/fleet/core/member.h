// Members of a fleet, and the record by which operators admit one. docs/wire/trust.md, "Member".
#pragma once

#include <i2/base/clock.h>
#include <i2/trustchain/core/hybrid.h>

#include <string>
#include <vector>

namespace i2::fleet {

inline constexpr trustchain::Domain kMemberDomain{"i2/member/v1"};
inline constexpr trustchain::Domain kGenesisDomain{"i2/genesis/v1"};
inline constexpr trustchain::Domain kBundleDomain{"i2/bundle/v1"};

inline constexpr std::uint16_t kGenesisType = 0x0201;
inline constexpr std::uint16_t kMemberType = 0x0202;
inline constexpr std::uint16_t kBundleType = 0x0204;

inline constexpr std::size_t kOperatorsMax = 16;
inline constexpr std::size_t kMemberSizeMax = 32 * 1024;  // encoded

// SHA-256("i2/operator/v1" || Falcon SPKI || Ed25519 SPKI).
using OperatorId = Id256<struct OperatorIdTag>;
[[nodiscard]] OperatorId operator_id(const trustchain::HybridPublicKey& key);

enum class Role : std::uint8_t {
  kNode = 1,
  kValidator = 2,  // also orders operations; admitting one takes as many operators as genesis says
};

struct MemberInfo {
  NodeId node_id;  // the hash of the identity below
  std::string name;
  Role role = Role::kNode;
  trustchain::HybridPublicKey identity;
  UnixMillis admitted_at = 0;
  NodeId sponsor;  // the member through which it was admitted; the first member sponsors itself
  friend bool operator==(const MemberInfo&, const MemberInfo&) = default;
};

struct OperatorSignature {
  OperatorId by;
  trustchain::HybridSignature signature;
};

// An admission: the member and the operators who signed it, ascending by operator id.
struct Member {
  ChainId chain_id;
  MemberInfo info;
  std::vector<OperatorSignature> signatures;
};

// Adds (or replaces) the signature of one operator. Error: crypto.sign.
[[nodiscard]] Result<void> sign_member(Member& member, const trustchain::HybridKey& operator_key);

[[nodiscard]] Bytes encode(const Member& member);
// The object id: of the encoding without its signatures.
[[nodiscard]] Hash256 id(const Member& member);
// Form only: name, role, and a node id that is the hash of the keys. Error: fleet.member_invalid.
[[nodiscard]] Result<Member> decode_member(ByteView encoding);

// Whether every signature is that of one of `operators` and there are enough of them: one for a
// node, `operators_required` for a validator. Errors: fleet.member_foreign (another chain),
// fleet.member_signature.
[[nodiscard]] Result<void> verify_member(const Member& member, const ChainId& chain,
                                         std::span<const trustchain::HybridPublicKey> operators,
                                         std::size_t operators_required);

// The fields of a member inside another encoding. The reader marks `r` as failed.
void write(wire::CanonicalWriter& w, const MemberInfo& info);
[[nodiscard]] MemberInfo read_member_info(wire::CanonicalReader& r);

}  // namespace i2::fleet
