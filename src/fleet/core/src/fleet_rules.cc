#include "fleet_rules.h"

#include <i2/fleet/core/member_set.h>

#include <algorithm>

namespace i2::fleet {
namespace {

// The interface part of an overlay address comes from so much of the node id.
constexpr std::size_t kAddressBytes = 8;

Result<void> need_operators(const Rules& rules, std::size_t required) {
  if (rules.operation.approvals.size() >= required) {
    return {};
  }
  return fail("fleet.operation_approvals", "the operation is signed by " +
                                               std::to_string(rules.operation.approvals.size()) +
                                               " operators and needs " + std::to_string(required));
}

Result<void> need_quorum(const Rules& rules) {
  I2_TRY_VALUE(const OperatorSet operators, rules.state.operators());
  return need_operators(rules, operators.required);
}

// The node behind the operation's account.
Result<NodeId> need_member_account(const Rules& rules) {
  if (rules.operation.account_type != ports::AccountType::kMember) {
    return fail("fleet.operation_account", "a node does this with its own key, not an operator");
  }
  return NodeId{rules.operation.account.bytes};
}

Result<MemberRecord> need_member(const Rules& rules, const NodeId& node) {
  I2_TRY_VALUE(auto member, rules.state.member(node));
  if (member) {
    return *std::move(member);
  }
  I2_TRY_VALUE(const auto former, rules.state.revoked(node));
  if (former) {
    return fail("trust.member_revoked", "'" + former->name + "' is no longer a member");
  }
  return fail("trust.member_unknown", "node " + node.hex() + " is not a member of this fleet");
}

// Without a validator that can go on, nothing could be ordered and so nothing undone.
Result<void> keep_validators(const Rules& rules, const NodeId& leaving) {
  I2_TRY_VALUE(const EpochRecord epoch, rules.state.epoch());
  I2_TRY_VALUE(auto left, validators_with_keys(rules.state));
  if (std::erase_if(left, [&](const EpochValidator& v) { return v.node == leaving; }) == 0) {
    return {};
  }
  const bool goes_on = std::ranges::any_of(left, [&](const EpochValidator& v) {
    return !v.key.ed25519.empty() ||
           std::ranges::contains(epoch.validators, v.node, &EpochValidator::node);
  });
  if (goes_on) {
    return {};
  }
  I2_TRY_VALUE(const MemberRecord member, need_member(rules, leaving));
  return fail("fleet.sequencer_needed",
              "'" + member.info.name +
                  "' alone orders the operations of this fleet: make another validator first");
}

// Everybody who has the role must be able to vote once there are several of them.
Result<void> check_new_validator(const Rules& rules, const NodeId& node) {
  I2_TRY_VALUE(auto validators, validators_with_keys(rules.state));
  if (!std::ranges::contains(validators, node, &EpochValidator::node)) {
    I2_TRY_VALUE(auto key, rules.state.vote_key(node));
    validators.push_back(
        {.node = node, .key = std::move(key).value_or(consensus::VotePublicKey{})});
  }
  for (const EpochValidator& validator : validators) {
    if (validator.key.ed25519.empty()) {
      I2_TRY_VALUE(const MemberRecord member, need_member(rules, validator.node));
      return fail("fleet.vote_key_needed",
                  "'" + member.info.name + "' has not said what it votes with");
    }
  }
  return check_size(validators);
}

Result<void> check_newcomer(const Rules& rules, const NodeId& node, std::string_view name) {
  I2_TRY_VALUE(const auto known, rules.state.member(node));
  if (known) {
    return fail("fleet.member_conflict",
                "node " + node.hex() + " already is the member '" + known->info.name + "'");
  }
  I2_TRY_VALUE(const auto former, rules.state.revoked(node));
  if (former) {
    return fail("trust.member_revoked",
                "this identity was the member '" + former->name +
                    "' and cannot come back: make a new one in an empty data directory");
  }
  if (rules.state.node_named(name)) {
    return fail("fleet.name_taken", "the name '" + std::string(name) +
                                        "' belongs to another member; choose another one");
  }
  if (rules.state.member_count() >= kMembersMax) {
    return fail("fleet.members_full",
                "the fleet already has " + std::to_string(kMembersMax) + " members");
  }
  if (rules.raw.count(member_key(node.view().first(kAddressBytes))) > 0) {
    return fail("fleet.member_conflict",
                "the overlay address of this identity is taken: make another identity");
  }
  return {};
}

}  // namespace

Result<void> check(const Rules& rules, const CreateInvite& body) {
  I2_TRY(need_operators(rules, 1));
  if (body.expiry <= rules.block.time) {
    return fail("fleet.invite_invalid",
                "the invite ends before the ledger's time, which is ahead of this clock");
  }
  if (body.expiry > rules.block.time + kInviteLifeMsMax) {
    return fail("fleet.invite_invalid", "an invite lasts up to 30 days");
  }
  I2_TRY_VALUE(const auto there, rules.state.invite(body.invite));
  if (there) {
    return fail("fleet.invite_invalid", "there is an invite with this key already");
  }
  if (invites_full(rules.raw) && old_invites(rules.raw, rules.block.time).empty()) {
    return fail("fleet.invite_invalid", "there are too many invites; wait until some have expired");
  }
  return {};
}

Result<void> check(const Rules& rules, const RevokeInvite& body) {
  I2_TRY(need_operators(rules, 1));
  I2_TRY_VALUE(const auto invite, rules.state.invite(body.invite));
  if (!invite) {
    return fail("trust.invite_unknown", "the fleet knows no such invite");
  }
  return {};
}

Result<void> check(const Rules& rules, const Admit& body) {
  I2_TRY(need_member_account(rules));
  I2_TRY_VALUE(const auto invite, rules.state.invite(invite_id(body.proof.invite_key)));
  I2_TRY(check_invite(invite, rules.block.time));
  I2_TRY(check_newcomer(rules, body.proof.node_id, body.name));
  return verify_join_proof(body.proof, rules.block.chain_id);
}

Result<void> check(const Rules& rules, const Register& body) {
  I2_TRY(check_newcomer(rules, body.member.info.node_id, body.member.info.name));
  I2_TRY_VALUE(const OperatorSet operators, rules.state.operators());
  return verify_member(body.member, rules.block.chain_id, operators.keys, operators.required);
}

Result<void> check(const Rules& rules, const Leave&) {
  I2_TRY_VALUE(const NodeId node, need_member_account(rules));
  return keep_validators(rules, node);
}

Result<void> check(const Rules& rules, const Expel& body) {
  I2_TRY_VALUE(const MemberRecord member, need_member(rules, body.node));
  I2_TRY(keep_validators(rules, body.node));
  return member.info.role == Role::kValidator ? need_quorum(rules) : need_operators(rules, 1);
}

Result<void> check(const Rules& rules, const SetRole& body) {
  I2_TRY(need_quorum(rules));
  I2_TRY(need_member(rules, body.node));
  return body.role == Role::kValidator ? check_new_validator(rules, body.node)
                                       : keep_validators(rules, body.node);
}

Result<void> check(const Rules& rules, const AddAnchor& body) {
  I2_TRY_VALUE(const Genesis genesis, rules.state.genesis());
  I2_TRY_VALUE(const auto anchors, rules.state.anchors());
  const NodeId first = genesis.first_member.node_id;
  const bool founding = anchors.empty() && body.anchor.holder == first &&
                        rules.operation.account == account_of(first);
  if (!founding) {
    I2_TRY(need_quorum(rules));
  }
  I2_TRY(need_member(rules, body.anchor.holder));
  if (rules.raw.get(anchor_key(trustchain::id(body.anchor)))) {
    return fail("trust.anchor_invalid", "the fleet has this anchor already");
  }
  if (anchors.size() >= kAnchorsMax) {
    return fail("fleet.anchors_full",
                "the fleet already has " + std::to_string(kAnchorsMax) + " issuing anchors");
  }
  return trustchain::verify_anchor(body.anchor, rules.block.chain_id, genesis.root);
}

Result<void> check(const Rules& rules, const RemoveAnchor& body) {
  I2_TRY(need_quorum(rules));
  if (!rules.raw.get(anchor_key(body.anchor.view()))) {
    return fail("fleet.anchor_unknown", "the fleet has no such issuing anchor");
  }
  if (rules.raw.count(anchor_key({})) == 1) {
    return fail("fleet.anchor_needed",
                "this is the only issuing anchor: add its successor before it is removed");
  }
  return {};
}

Result<OperatorSet> changed_operators(const OperatorSet& now, const ChangeOperators& body) {
  OperatorSet out{.required = body.required, .keys = now.keys};
  for (const OperatorId& who : body.remove) {
    if (std::erase_if(out.keys, [&](const auto& key) { return operator_id(key) == who; }) == 0) {
      return fail("fleet.operators_invalid", who.hex() + " is not an operator of this fleet");
    }
  }
  for (const auto& key : body.add) {
    if (std::ranges::contains(out.keys, key)) {
      return fail("fleet.operators_invalid",
                  operator_id(key).hex() + " already is an operator of this fleet");
    }
    out.keys.push_back(key);
  }
  std::ranges::sort(out.keys, {}, operator_id);
  if (out.keys.size() > kOperatorsMax) {
    return fail("fleet.operators_invalid",
                "a fleet has at most " + std::to_string(kOperatorsMax) + " operators");
  }
  if (out.required < 1 || out.required > out.keys.size()) {
    return fail("fleet.operators_invalid", "of " + std::to_string(out.keys.size()) +
                                               " operators, " + std::to_string(out.required) +
                                               " cannot be required");
  }
  return out;
}

Result<void> check(const Rules& rules, const ChangeOperators& body) {
  I2_TRY(need_quorum(rules));
  I2_TRY_VALUE(const OperatorSet now, rules.state.operators());
  I2_TRY(changed_operators(now, body));
  return {};
}

Result<void> check(const Rules& rules, const SetParameters& body) {
  I2_TRY(need_quorum(rules));
  const FleetParameters& wanted = body.parameters;
  if (wanted.machine_version != kMachineVersion || wanted.proof_policy != 0) {
    return fail("fleet.parameter_unsupported",
                "this version executes operations of version 1 under proof policy 0 only");
  }
  if (wanted.epoch_ms < kEpochMsMin || wanted.epoch_ms > kEpochMsMax) {
    return fail("fleet.parameter_unsupported", "an epoch lasts a minute to a day");
  }
  return {};
}

Result<void> check(const Rules& rules, const RootExported&) {
  return need_operators(rules, 1);
}

Result<void> check(const Rules& rules, const SetVoteKey& body) {
  I2_TRY_VALUE(const NodeId node, need_member_account(rules));
  I2_TRY_VALUE(const auto key, consensus::make_verifier(body.key));
  if (!key->verify(possession_message(rules.block.chain_id, node), body.possession)) {
    return fail("fleet.vote_key_invalid", "the vote key does not sign for this node");
  }
  I2_TRY_VALUE(auto validators, validators_with_keys(rules.state));
  if (const auto own = std::ranges::find(validators, node, &EpochValidator::node);
      own != validators.end()) {
    own->key = body.key;
    return check_size(validators);
  }
  return {};
}

Result<void> check(const Rules& rules, const Convict& body) {
  I2_TRY(need_member_account(rules));
  I2_TRY_VALUE(const NodeId node, convicted(rules.state, rules.block.chain_id, body));
  I2_TRY(need_member(rules, node));
  return keep_validators(rules, node);
}

Result<void> check(const Rules& rules, const ConfirmEpoch& body) {
  I2_TRY_VALUE(const NodeId node, need_member_account(rules));
  I2_TRY_VALUE(const auto epoch, rules.state.epoch(body.epoch));
  if (!epoch || rules.state.last_block(body.epoch) != body.last ||
      !std::ranges::contains(epoch->validators, node, &EpochValidator::node) ||
      rules.raw.get(confirmation_key(body.epoch, node.view()))) {
    return fail("fleet.confirmation_invalid",
                "there is no such epoch, it ended with another block, or the node was no validator "
                "of it or has confirmed it before");
  }
  return {};
}

}  // namespace i2::fleet
