// A founded fleet for tests: its ledger open, its operator at hand.
#pragma once

#include <i2/fleet/key_cache.h>
#include <i2/fleet/ledger.h>
#include <i2/fleet/membership.h>

#include "layout.h"
#include "ledger_files.h"
#include "temp_dir.h"

namespace i2::fleet::testing {

// Takes over one run.
inline Result<bool> follow(Ledger& ledger, const Ledger::StoredBlock& sealed) {
  return ledger.follow(std::span(&sealed.block, 1), sealed.seal);
}
// Everything that `from` has more.
inline void follow_all(Ledger& ledger, const Ledger& from) {
  std::vector<Bytes> run;
  const auto missing = from.blocks_after(ledger.height(), SIZE_MAX / 2).value();
  for (const auto& [block, seal] : missing) {
    run.push_back(block);
    if (!seal.empty()) {
      const auto followed = ledger.follow(run, seal);
      ASSERT_TRUE(followed) << followed.error().to_string();
      run.clear();
    }
  }
}

struct Founded {
  explicit Founded(const fs::path& dir) : data_dir(dir) {
    EXPECT_TRUE(init({.data_dir = dir, .fleet_name = "home", .node_name = "alpha", .now = kNow}));
    operator_key = read_pair(dir / kOperatorFalconFile, dir / kOperatorEd25519File).value();
    identity = read_pair(dir / kNodeFalconFile, dir / kNodeEd25519File).value();
    open();
  }
  void open() {
    ledger.reset();
    auto opened = open_ledger(data_dir, machine);
    ASSERT_TRUE(opened) << opened.error().to_string();
    ledger = *std::move(opened);
  }

  // An invite by the operator, with its nonce'th operation.
  [[nodiscard]] Bytes invite(std::uint64_t nonce, std::uint64_t anchor_height = 0) const {
    const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEd25519).value();
    return sign(operator_key, account_of(operator_id(operator_key.public_key())), nonce,
                CreateInvite{.invite = invite_id(key.public_key()),
                             .role = Role::kNode,
                             .expiry = kNow + 24 * kHour,
                             .uses = 1,
                             .tag = std::to_string(nonce)},
                anchor_height);
  }
  [[nodiscard]] Bytes sign(const trustchain::HybridKey& key, const AccountId& account,
                           std::uint64_t nonce, const FleetOperation& body,
                           std::uint64_t anchor_height = 0) const {
    Operation out;
    out.chain_id = ledger->chain()->head.chain_id;
    out.account = account;
    out.nonce = nonce;
    out.anchor_height = anchor_height;
    out.kind = kind_of(body);
    out.body = encode(body);
    out.expiry = kNow + 20 * kHour;
    sign_operation(out, key, true).value();
    return encode(out);
  }
  // As the only validator.
  [[nodiscard]] Run seal(BlockBuilder builder) const {
    auto built = std::move(builder).finish(trustchain::node_id(identity.public_key())).value();
    Run out{.blocks = {},
            .seal = sign_header(built.block.header, identity).value().seal,
            .account = {}};
    out.blocks.push_back(std::move(built));
    return out;
  }
  Result<Block> append(std::vector<Bytes> operations) {
    BlockBuilder builder(machine, *ledger->chain(), kNow + kHour);
    for (Bytes& operation : operations) {
      I2_TRY(builder.add(std::move(operation)));
    }
    Run run = seal(std::move(builder));
    Block block = run.blocks.front().block;
    I2_TRY(ledger->append(std::move(run)));
    return block;
  }
  [[nodiscard]] std::size_t invites() const {
    return ledger->chain()->state.count(invite_key(ByteView{}));
  }

  fs::path data_dir;
  KeyCache keys;
  StateMachine machine{{}, &keys};
  trustchain::HybridKey operator_key;
  trustchain::HybridKey identity;
  std::unique_ptr<Ledger> ledger;
};

}  // namespace i2::fleet::testing
