#include <i2/fleet/core/member.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kMemberVersion = 1;

wire::CanonicalWriter fields(const Member& member) {
  wire::CanonicalWriter w(kMemberType, kMemberVersion);
  w.fixed(member.chain_id.view());
  write(w, member.info);
  return w;
}

Bytes signed_part(const Member& member) {
  return fields(member).take();
}

}  // namespace

OperatorId operator_id(const trustchain::HybridPublicKey& key) {
  return OperatorId{key.id(trustchain::kOperatorDomain)};
}

void write(wire::CanonicalWriter& w, const MemberInfo& info) {
  w.fixed(info.node_id.view());
  w.text(info.name);
  w.u8(static_cast<std::uint8_t>(info.role));
  write(w, info.identity);
  w.u64(info.admitted_at);
  w.fixed(info.sponsor.view());
}

MemberInfo read_member_info(wire::CanonicalReader& r) {
  MemberInfo out;
  out.node_id.bytes = r.fixed<32>();
  out.name = r.text(trustchain::kNameSizeMax);
  const std::uint8_t role = r.u8();
  out.role = Role{role};
  out.identity = trustchain::read_public_key(r);
  out.admitted_at = r.u64();
  out.sponsor.bytes = r.fixed<32>();
  const bool known_role = out.role == Role::kNode || out.role == Role::kValidator;
  if (!r.ok() || !known_role || !trustchain::is_name(out.name) ||
      out.node_id != trustchain::node_id(out.identity)) {
    r.fail();
  }
  return out;
}

Result<void> sign_member(Member& member, const trustchain::HybridKey& operator_key) {
  const OperatorId by = operator_id(operator_key.public_key());
  I2_TRY_VALUE(auto signature, operator_key.sign(kMemberDomain, signed_part(member)));
  const auto at = std::ranges::lower_bound(member.signatures, by, {}, &OperatorSignature::by);
  if (at != member.signatures.end() && at->by == by) {
    at->signature = std::move(signature);
  } else {
    member.signatures.insert(at, {.by = by, .signature = std::move(signature)});
  }
  return {};
}

Bytes encode(const Member& member) {
  wire::CanonicalWriter w = fields(member);
  w.count(member.signatures.size());
  for (const OperatorSignature& entry : member.signatures) {
    w.fixed(entry.by.view());
    write(w, entry.signature);
  }
  return std::move(w).take();
}

Hash256 id(const Member& member) {
  return trustchain::object_id(kMemberDomain, signed_part(member));
}

Result<Member> decode_member(ByteView encoding) {
  wire::CanonicalReader r(encoding, kMemberType, kMemberVersion);
  Member out;
  out.chain_id.bytes = r.fixed<32>();
  out.info = read_member_info(r);
  const std::size_t count = r.count(kOperatorsMax);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    OperatorSignature entry;
    entry.by.bytes = r.fixed<32>();
    entry.signature = trustchain::read_signature(r);
    if (!out.signatures.empty() && entry.by <= out.signatures.back().by) {
      r.fail();
    }
    out.signatures.push_back(std::move(entry));
  }
  if (const auto done = r.finish(); !done) {
    return fail("fleet.member_invalid",
                "the member record is malformed, or its node id is not the hash of its keys");
  }
  return out;
}

Result<void> verify_member(const Member& member, const ChainId& chain,
                           std::span<const trustchain::HybridPublicKey> operators,
                           std::size_t operators_required) {
  if (member.chain_id != chain) {
    return fail("fleet.member_foreign",
                "the record of '" + member.info.name + "' belongs to another fleet");
  }
  const std::size_t required = member.info.role == Role::kValidator ? operators_required : 1;
  if (member.signatures.size() < required) {
    return fail("fleet.member_signature", "the record of '" + member.info.name + "' is signed by " +
                                              std::to_string(member.signatures.size()) +
                                              " operators and needs " + std::to_string(required));
  }
  const Bytes message = signed_part(member);
  for (std::size_t i = 0; i < member.signatures.size(); ++i) {
    const OperatorSignature& entry = member.signatures[i];
    // Ascending ids: one operator must not count twice, whoever built the record.
    const bool ascending = i == 0 || member.signatures[i - 1].by < entry.by;
    const auto signer = std::ranges::find(operators, entry.by, operator_id);
    if (!ascending || signer == operators.end() ||
        !signer->verify(kMemberDomain, message, entry.signature)) {
      return fail("fleet.member_signature", "the record of '" + member.info.name +
                                                "' carries a signature that is not an operator's");
    }
  }
  return {};
}

}  // namespace i2::fleet
