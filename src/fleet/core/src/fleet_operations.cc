#include <i2/fleet/core/batch.h>
#include <i2/fleet/core/fleet_operations.h>
#include <i2/fleet/core/member_set.h>
#include <i2/trustchain/core/leaf.h>
#include <i2/wire/alternatives.h>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kBodyVersion = 1;

// In the order of the variant, which is the order of the kinds.
template <class T, std::size_t I = 0>
consteval std::uint16_t kind_for() {
  if constexpr (std::is_same_v<T, std::variant_alternative_t<I, FleetOperation>>) {
    return kCreateInvite + I;
  } else {
    return kind_for<T, I + 1>();
  }
}
template <class T>
constexpr std::uint16_t kKind = kind_for<T>();

void write(wire::CanonicalWriter& w, const CreateInvite& body) {
  w.fixed(body.invite.view());
  w.u8(static_cast<std::uint8_t>(body.role));
  w.u64(body.expiry);
  w.u32(body.uses);
  w.text(body.tag);
}
void read(wire::CanonicalReader& r, CreateInvite& body) {
  body.invite.bytes = r.fixed<32>();
  body.role = Role{r.u8()};
  body.expiry = r.u64();
  body.uses = r.u32();
  body.tag = r.text(kTagSizeMax);
  if (body.role != Role::kNode || body.uses < 1 || body.uses > kInviteUsesMax) {
    r.fail();
  }
}

void write(wire::CanonicalWriter& w, const RevokeInvite& body) {
  w.fixed(body.invite.view());
}
void read(wire::CanonicalReader& r, RevokeInvite& body) {
  body.invite.bytes = r.fixed<32>();
}

void write(wire::CanonicalWriter& w, const Admit& body) {
  write(w, body.proof);
  w.text(body.name);
}
void read(wire::CanonicalReader& r, Admit& body) {
  body.proof = read_join_proof(r);
  body.name = r.text(trustchain::kNameSizeMax);
  if (!trustchain::is_name(body.name)) {
    r.fail();
  }
}

void write(wire::CanonicalWriter& w, const Register& body) {
  w.bytes(encode(body.member));
}
void read(wire::CanonicalReader& r, Register& body) {
  auto member = decode_member(r.bytes(kMemberSizeMax));
  if (!member) {
    r.fail();
    return;
  }
  body.member = *std::move(member);
}

void write(wire::CanonicalWriter&, const Leave&) {}
void read(wire::CanonicalReader&, Leave&) {}

void write(wire::CanonicalWriter& w, const Expel& body) {
  w.fixed(body.node.view());
  w.text(body.reason);
}
void read(wire::CanonicalReader& r, Expel& body) {
  body.node.bytes = r.fixed<32>();
  body.reason = r.text(kReasonSizeMax);
}

void write(wire::CanonicalWriter& w, const SetRole& body) {
  w.fixed(body.node.view());
  w.u8(static_cast<std::uint8_t>(body.role));
}
void read(wire::CanonicalReader& r, SetRole& body) {
  body.node.bytes = r.fixed<32>();
  body.role = Role{r.u8()};
  if (body.role != Role::kNode && body.role != Role::kValidator) {
    r.fail();
  }
}

void write(wire::CanonicalWriter& w, const AddAnchor& body) {
  w.bytes(encode(body.anchor));
}
void read(wire::CanonicalReader& r, AddAnchor& body) {
  auto anchor = trustchain::decode_anchor(r.bytes(kAnchorSizeMax));
  if (!anchor) {
    r.fail();
    return;
  }
  body.anchor = *std::move(anchor);
}

void write(wire::CanonicalWriter& w, const RemoveAnchor& body) {
  w.fixed(body.anchor.view());
}
void read(wire::CanonicalReader& r, RemoveAnchor& body) {
  body.anchor.bytes = r.fixed<32>();
}

void write(wire::CanonicalWriter& w, const ChangeOperators& body) {
  w.count(body.add.size());
  for (const auto& key : body.add) {
    write(w, key);
  }
  w.count(body.remove.size());
  for (const auto& who : body.remove) {
    w.fixed(who.view());
  }
  w.u8(body.required);
}
void read(wire::CanonicalReader& r, ChangeOperators& body) {
  const std::size_t add = r.count(kOperatorsMax);
  for (std::size_t i = 0; i < add && r.ok(); ++i) {
    auto key = trustchain::read_public_key(r);
    if (!body.add.empty() && operator_id(key) <= operator_id(body.add.back())) {
      r.fail();
    }
    body.add.push_back(std::move(key));
  }
  const std::size_t remove = r.count(kOperatorsMax);
  for (std::size_t i = 0; i < remove && r.ok(); ++i) {
    const OperatorId who{r.fixed<32>()};
    if (!body.remove.empty() && who <= body.remove.back()) {
      r.fail();
    }
    body.remove.push_back(who);
  }
  body.required = r.u8();
}

void write(wire::CanonicalWriter& w, const SetParameters& body) {
  w.u32(body.parameters.machine_version);
  w.u32(body.parameters.proof_policy);
  w.u64(body.parameters.epoch_ms);
}
void read(wire::CanonicalReader& r, SetParameters& body) {
  body.parameters.machine_version = r.u32();
  body.parameters.proof_policy = r.u32();
  body.parameters.epoch_ms = r.u64();
}

void write(wire::CanonicalWriter&, const RootExported&) {}
void read(wire::CanonicalReader&, RootExported&) {}

void write(wire::CanonicalWriter& w, const SetVoteKey& body) {
  consensus::write(w, body.key);
  w.bytes(body.possession);
}
void read(wire::CanonicalReader& r, SetVoteKey& body) {
  body.key = consensus::read_vote_public_key(r);
  body.possession = to_bytes(r.bytes(consensus::kVoteSignatureSizeMax));
}

void write(wire::CanonicalWriter& w, const Convict& body) {
  w.u64(body.epoch);
  w.bytes(consensus::encode(body.evidence));
}
void read(wire::CanonicalReader& r, Convict& body) {
  body.epoch = r.u64();
  auto evidence = consensus::decode_evidence(r.bytes(consensus::kEvidenceSizeMax));
  if (!evidence) {
    r.fail();
    return;
  }
  body.evidence = *std::move(evidence);
}

void write(wire::CanonicalWriter& w, const ConfirmEpoch& body) {
  w.u64(body.epoch);
  w.fixed(body.last.view());
}
void read(wire::CanonicalReader& r, ConfirmEpoch& body) {
  body.epoch = r.u64();
  body.last.bytes = r.fixed<32>();
}

}  // namespace

static_assert(kKind<RootExported> == kRootExported && kKind<Admit> == kAdmit &&
              kKind<AddAnchor> == kAddAnchor && kKind<Convict> == kConvict &&
              kKind<ConfirmEpoch> == kConfirmEpoch);

std::uint16_t kind_of(const FleetOperation& operation) {
  return static_cast<std::uint16_t>(kCreateInvite + operation.index());
}

Bytes encode(const FleetOperation& operation) {
  wire::CanonicalWriter w(kind_of(operation), kBodyVersion);
  std::visit([&w](const auto& body) { write(w, body); }, operation);
  return std::move(w).take();
}

Result<FleetOperation> decode_fleet_operation(std::uint16_t kind, ByteView body) {
  auto out = wire::decode_alternative<FleetOperation>(kind, kCreateInvite, kBodyVersion, body,
                                                      [](auto& r, auto& value) { read(r, value); });
  if (!out) {
    return fail("fleet.operation_malformed", "the body of the operation is malformed");
  }
  return *std::move(out);
}

Request Request::of(const FleetOperation& change) {
  Request out;
  out.kind = kind_of(change);
  out.high = true;
  out.body = encode(change);
  return out;
}

Request Request::of(const trustchain::TrustOperation& change) {
  Request out;
  out.kind = trustchain::kind_of(change);
  out.high = trustchain::is_high(out.kind);
  out.body = encode(change);
  return out;
}

void set_body(Operation& operation, std::span<const Request> changes) {
  if (changes.size() == 1) {
    operation.kind = changes.front().kind;
    operation.body = changes.front().body;
    return;
  }
  std::vector<Step> steps;
  steps.reserve(changes.size());
  for (const Request& change : changes) {
    steps.push_back({.kind = change.kind, .body = change.body});
  }
  operation.kind = kBatch;
  operation.body = encode_batch(steps);
}

bool is_high(std::span<const Request> changes) {
  return std::ranges::any_of(changes, &Request::high);
}

}  // namespace i2::fleet
