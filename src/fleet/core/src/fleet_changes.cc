#include "fleet_rules.h"
#include "root_record.h"

namespace i2::fleet {
namespace {

NodeId account_node(const Change& change) {
  return NodeId{change.operation.account.bytes};
}

std::vector<Bytes> matching_keys(const ports::StateReader& state, const Bytes& prefix,
                                 const std::function<bool(ByteView value)>& matches) {
  std::vector<Bytes> out;
  state.scan(prefix, {}, [&](ByteView key, ByteView value) {
    if (matches(value)) {
      out.push_back(to_bytes(key));
    }
    return true;
  });
  return out;
}

void erase_if_there(ports::StateWriter& state, const Bytes& key) {
  if (state.get(key)) {
    state.erase(key);
  }
}

void erase_all(ports::StateWriter& state, const std::vector<Bytes>& keys) {
  for (const Bytes& key : keys) {
    state.erase(key);
  }
}

// Its name becomes free, its anchors end with it, its identity cannot come back.
Result<void> depart(const Change& change, const NodeId& node, Departure how, std::string reason) {
  I2_TRY_VALUE(const auto member, change.state.member(node));
  if (!member) {
    return fail("trust.member_unknown", "node " + node.hex() + " is not a member of this fleet");
  }
  const RevokedRecord revoked{.node_id = node,
                              .name = member->info.name,
                              .how = how,
                              .at = change.block.time,
                              .reason = std::move(reason),
                              .admitted_height = member->height,
                              .left_height = change.block.height};
  change.writer.erase(member_key(node.view()));
  change.writer.erase(name_key(revoked.name));
  change.writer.put(revoked_key(node.view()), encode(revoked));
  change.writer.put(former_name_key(revoked.name, node.view()), {});
  erase_if_there(change.writer, validator_key(node.view()));
  erase_if_there(change.writer, vote_key_key(node));
  erase_all(change.writer, matching_keys(change.writer, anchor_key({}), [&](ByteView value) {
              const auto anchor = trustchain::decode_anchor(value);
              return anchor && anchor->holder == node;
            }));
  return {};
}

}  // namespace

void put_member(ports::StateWriter& state, const MemberRecord& record) {
  state.put(member_key(record.info.node_id.view()), encode(record));
  state.put(name_key(record.info.name), record.info.node_id.view());
  if (record.info.role == Role::kValidator) {
    state.put(validator_key(record.info.node_id.view()), {});
  } else {
    erase_if_there(state, validator_key(record.info.node_id.view()));
  }
}

bool invites_full(const ports::StateReader& state) {
  return state.count(invite_key({})) >= kInvitesMax;
}

std::vector<Bytes> old_invites(const ports::StateReader& state, UnixMillis now) {
  return matching_keys(state, invite_key({}), [now](ByteView value) {
    const auto record = decode_invite_record(value);
    return record && record->expiry + kInviteMemoryMs < now;
  });
}

Result<void> perform(const Change& change, const CreateInvite& body) {
  if (invites_full(change.writer)) {
    erase_all(change.writer, old_invites(change.writer, change.block.time));
  }
  change.writer.put(invite_key(body.invite.view()),
                    encode(InviteRecord{.role = body.role,
                                        .expiry = body.expiry,
                                        .uses_left = body.uses,
                                        .revoked = false,
                                        .tag = body.tag,
                                        .created = change.block.time}));
  return {};
}

Result<void> perform(const Change& change, const RevokeInvite& body) {
  I2_TRY_VALUE(auto invite, change.state.invite(body.invite));
  if (invite) {
    invite->revoked = true;
    change.writer.put(invite_key(body.invite.view()), encode(*invite));
  }
  return {};
}

Result<void> perform(const Change& change, const Admit& body) {
  const InviteId used = invite_id(body.proof.invite_key);
  I2_TRY_VALUE(auto invite, change.state.invite(used));
  if (!invite || invite->uses_left == 0) {
    return fail("trust.invite_used", "the invite has been used: ask for a new one");
  }
  --invite->uses_left;
  change.writer.put(invite_key(used.view()), encode(*invite));
  put_member(change.writer, {.info = {.node_id = body.proof.node_id,
                                      .name = body.name,
                                      .role = invite->role,
                                      .identity = body.proof.identity,
                                      .admitted_at = change.block.time,
                                      .sponsor = account_node(change)},
                             .by = Admission::kInvite,
                             .operation = change.operation.id,
                             .height = change.block.height});
  return {};
}

Result<void> perform(const Change& change, const Register& body) {
  put_member(change.writer, {.info = body.member.info,
                             .by = Admission::kOperators,
                             .operation = change.operation.id,
                             .height = change.block.height});
  return {};
}

Result<void> perform(const Change& change, const Leave&) {
  return depart(change, account_node(change), Departure::kLeft, "left by itself");
}

Result<void> perform(const Change& change, const Expel& body) {
  return depart(change, body.node, Departure::kExpelled, body.reason);
}

Result<void> perform(const Change& change, const SetRole& body) {
  I2_TRY_VALUE(auto member, change.state.member(body.node));
  if (member) {
    member->info.role = body.role;
    put_member(change.writer, *member);
  }
  return {};
}

Result<void> perform(const Change& change, const AddAnchor& body) {
  change.writer.put(anchor_key(trustchain::id(body.anchor)), encode(body.anchor));
  return {};
}

Result<void> perform(const Change& change, const RemoveAnchor& body) {
  change.writer.erase(anchor_key(body.anchor.view()));
  return {};
}

Result<void> perform(const Change& change, const ChangeOperators& body) {
  I2_TRY_VALUE(const OperatorSet now, change.state.operators());
  I2_TRY_VALUE(const OperatorSet next, changed_operators(now, body));
  change.writer.put(operators_key(), encode(next));
  return {};
}

Result<void> perform(const Change& change, const SetParameters& body) {
  change.writer.put(parameters_key(), encode(body.parameters));
  return {};
}

Result<void> perform(const Change& change, const RootExported&) {
  change.writer.put(root_key(), encode(RootRecord{.exported_at = change.block.time}));
  return {};
}

Result<void> perform(const Change& change, const SetVoteKey& body) {
  change.writer.put(vote_key_key(account_node(change)), encode(body.key));
  return {};
}

Result<void> perform(const Change& change, const Convict& body) {
  I2_TRY_VALUE(const NodeId node, convicted(change.state, change.block.chain_id, body));
  change.writer.put(offence_key(node.view()),
                    encode(OffenceRecord{.node = node,
                                         .epoch = body.epoch,
                                         .at = change.block.time,
                                         .evidence = consensus::encode(body.evidence)}));
  return depart(change, node, Departure::kConvicted, std::string(consensus::name(body.evidence)));
}

Result<void> perform(const Change& change, const ConfirmEpoch& body) {
  change.writer.put(confirmation_key(body.epoch, account_node(change).view()),
                    change.operation.id.view());
  return {};
}

}  // namespace i2::fleet
