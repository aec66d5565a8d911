// A fleet whose operations are ordered in memory.
#pragma once

#include <gtest/gtest.h>
#include <i2/fleet/core/state_machine.h>

#include "fleet.h"

namespace i2::fleet::testing {

struct Author {
  const trustchain::HybridKey& key;
  AccountId account;
};
inline Author by_node(const Node& node) {
  return {node.identity, account_of(node.info.node_id)};
}
inline Author by_operator(const trustchain::HybridKey& key) {
  return {key, account_of(operator_id(key.public_key()))};
}

struct Invite {
  crypto::PrivateKey key = new_key(crypto::SignatureAlgorithm::kEd25519);
  [[nodiscard]] InviteId id() const { return invite_id(key.public_key()); }
};

struct TestChain {
  explicit TestChain(Fleet& for_fleet)
      : fleet(for_fleet), chain(StateMachine::begin(fleet.genesis).value()) {}

  Fleet& fleet;
  StateMachine machine;
  Chain chain;
  UnixMillis now = kNow + kHour;

  [[nodiscard]] FleetState state() const { return FleetState(chain.state); }

  // Not signed yet.
  [[nodiscard]] Operation make(const Author& author, const Request& change) const {
    return make(author, std::span(&change, 1));
  }
  [[nodiscard]] Operation make(const Author& author, std::span<const Request> changes) const {
    Operation out;
    out.chain_id = chain.head.chain_id;
    out.account = author.account;
    out.nonce = state().account(author.account).value().next_nonce;
    set_body(out, changes);
    out.anchor_height = chain.head.height;
    out.expiry = now + kHour;
    return out;
  }
  [[nodiscard]] Bytes sign(const Author& author, const Request& body) const {
    Operation out = make(author, body);
    sign_operation(out, author.key, body.high).value();
    return encode(out);
  }
  // A block of these. Errors: of the first operation that is refused.
  Result<Block> order(std::vector<Bytes> operations) {
    BlockBuilder builder(machine, chain, now);
    for (Bytes& operation : operations) {
      I2_TRY(builder.add(std::move(operation)));
    }
    I2_TRY_VALUE(auto built, std::move(builder).finish(fleet.alpha.info.node_id));
    chain = std::move(built.executed.chain);
    now += 1000;
    return std::move(built.block);
  }
  // "ok" or the code of the error.
  std::string run(const Author& author, const Request& body) {
    return code(order({sign(author, body)}));
  }
  std::string run(Operation operation, const Author& author) {
    sign_operation(operation, author.key, true).value();
    return code(order({encode(operation)}));
  }

  void add_anchor() { EXPECT_EQ(run(by_node(fleet.alpha), AddAnchor{fleet.anchor}), "ok"); }
  CreateInvite offer(const Invite& invite, std::uint32_t uses = 1) const {
    return {.invite = invite.id(),
            .role = Role::kNode,
            .expiry = now + kHour,
            .uses = uses,
            .tag = "laptop"};
  }
  [[nodiscard]] Admit admission(const Node& node, const Invite& invite) const {
    return {.proof =
                make_join_proof(chain.head.chain_id, node.identity, as_bytes("request"), invite.key)
                    .value(),
            .name = node.info.name};
  }
};

}  // namespace i2::fleet::testing
