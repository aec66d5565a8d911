#include <i2/wire/text.h>

#include "chain.h"
#include "documents.h"

namespace i2::fleet {
namespace {

using testing::Author;
using testing::by_node;
using testing::by_operator;
using testing::code;
using testing::Invite;
using testing::TestChain;

constexpr std::uint16_t kNote = 0x7001;
constexpr std::uint16_t kSealedNote = 0x7002;

// A layer with a kind that Ed25519 is enough for. The state notes which operation came last.
class Notes final : public ports::StateModule {
 public:
  [[nodiscard]] std::string_view name() const override { return "notes"; }
  [[nodiscard]] std::span<const ports::OperationKind> kinds() const override {
    static constexpr ports::OperationKind kKinds[] = {
        {.kind = kNote, .name = "note"}, {.kind = kSealedNote, .name = "note.seal", .high = true}};
    return kKinds;
  }
  [[nodiscard]] Result<void> decode(std::uint16_t, ByteView) const override { return {}; }
  [[nodiscard]] Result<void> validate(const ports::StateReader&, const ports::OperationView& view,
                                      const ports::BlockContext&) const override {
    return view.body.empty() ? fail("notes.empty", "there is nothing to note") : Result<void>{};
  }
  [[nodiscard]] Result<void> apply(ports::StateWriter& state, const ports::OperationView& view,
                                   const ports::BlockContext&) const override {
    Bytes key = to_bytes(as_bytes("notes/"));
    append(key, view.body);
    state.put(key, view.id.view());
    return {};
  }
};

// In the middle of an epoch.
struct Batches {
  Batches() { chain.now -= testing::kHour / 2; }

  testing::Fleet fleet{"home", 2};
  TestChain chain{fleet};
  Notes notes;
  StateMachine machine{{&notes}};
  Author alpha = by_node(fleet.alpha);
  Author operator_1 = by_operator(fleet.operator_1);

  Operation make(const Author& author, const std::vector<Request>& changes) const {
    return chain.make(author, changes);
  }
  std::string run(const Author& author, const std::vector<Request>& changes) {
    return chain.run(make(author, changes), author);
  }
  // Of steps that the fleet's own module knows nothing of.
  Operation make(std::span<const Step> steps, std::uint64_t nonce = 0) const {
    Operation out = chain.make(operator_1, RootExported{});
    out.nonce = nonce;
    out.kind = kBatch;
    out.body = encode_batch(steps);
    return out;
  }
  Bytes sign(Operation operation, bool high) const {
    sign_operation(operation, fleet.operator_1, high).value();
    return encode(operation);
  }
  BlockBuilder builder() const { return {machine, chain.chain, chain.now}; }
  Result<void> add(std::span<const Step> steps, bool high) const {
    return builder().add(sign(make(steps), high));
  }
};

Bytes batch_of(std::size_t count, const Step& step) {
  return encode_batch(std::vector<Step>(count, step));
}

TEST(Batch, HasOneEncoding) {
  const auto text = testing::examples("operation.md");
  const Bytes documented = wire::from_hex(text.at("body of a batch")).value();
  const InviteId invite{Hash256{0x11}};
  Operation operation;
  set_body(operation, std::vector<Request>{RevokeInvite{invite}, RootExported{}});
  EXPECT_EQ(operation.kind, kBatch);
  EXPECT_EQ(to_hex(operation.body), to_hex(documented));
  const auto steps = steps_of(operation);
  ASSERT_TRUE(steps);
  ASSERT_EQ(steps->size(), 2u);
  EXPECT_EQ((*steps)[0].kind, kRevokeInvite);
  EXPECT_TRUE(equal((*steps)[0].body, encode(FleetOperation(RevokeInvite{invite}))));
  EXPECT_EQ((*steps)[1].kind, kRootExported);
  EXPECT_TRUE(equal((*steps)[1].body, encode(FleetOperation(RootExported{}))));

  // One change is no batch.
  set_body(operation, std::vector<Request>{RootExported{}});
  EXPECT_EQ(operation.kind, kRootExported);
  EXPECT_EQ(operation.body, encode(FleetOperation(RootExported{})));
  EXPECT_EQ(steps_of(operation)->size(), 1u);
}

TEST(Batch, IsRefusedWhenItsFormIsWrong) {
  const Bytes body = encode(FleetOperation(RootExported{}));
  const Step step{.kind = kRootExported, .body = body};
  EXPECT_EQ(decode_batch(batch_of(2, step))->size(), 2u);
  EXPECT_EQ(decode_batch(batch_of(kBatchStepsMax, step))->size(), 256u);
  EXPECT_EQ(code(decode_batch(batch_of(0, step))), "fleet.operation_malformed");
  EXPECT_EQ(code(decode_batch(batch_of(1, step))), "fleet.operation_malformed");
  EXPECT_EQ(code(decode_batch(batch_of(kBatchStepsMax + 1, step))), "fleet.operation_malformed");
  const Bytes inner = batch_of(2, step);
  EXPECT_EQ(code(decode_batch(batch_of(2, {.kind = kBatch, .body = inner}))),
            "fleet.operation_malformed");
  const Bytes good = batch_of(2, step);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(code(decode_batch(ByteView(good).first(size))), "fleet.operation_malformed") << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(code(decode_batch(longer)), "fleet.operation_malformed");
}

TEST(Batch, IsOneOperationOfItsAccount) {
  Batches home;
  const Invite first;
  const Invite second;
  const Operation operation =
      home.make(home.operator_1,
                {home.chain.offer(first), home.chain.offer(second), RevokeInvite{first.id()}});
  EXPECT_EQ(home.chain.run(operation, home.operator_1), "ok");
  const FleetState state = home.chain.state();
  EXPECT_TRUE(state.invite(first.id()).value()->revoked);
  EXPECT_FALSE(state.invite(second.id()).value()->revoked);
  const AccountRecord account = state.account(home.operator_1.account).value();
  EXPECT_EQ(account.next_nonce, 1u);
  EXPECT_EQ(account.last, id(operation));
  EXPECT_EQ(home.chain.run(operation, home.operator_1), "fleet.operation_nonce");
}

TEST(Batch, EachStepSeesWhatThoseBeforeItDid) {
  Batches home;
  const Invite invite;
  const auto beta = home.fleet.make_node("beta");
  Operation operation =
      home.make(home.alpha, {home.chain.offer(invite), home.chain.admission(beta, invite),
                             Expel{.node = beta.info.node_id, .reason = "only tried"}});
  approve_operation(operation, home.fleet.operator_1).value();
  EXPECT_EQ(home.chain.run(operation, home.alpha), "ok");
  EXPECT_EQ(home.chain.state().invite(invite.id()).value()->uses_left, 0u);
  EXPECT_EQ(home.chain.state().revoked(beta.info.node_id).value()->reason, "only tried");

  const auto gamma = home.fleet.make_node("gamma");
  Operation admitting =
      home.make(home.alpha, {home.chain.offer(Invite{}), Register{home.fleet.admit(gamma)}});
  approve_operation(admitting, home.fleet.operator_1).value();
  EXPECT_EQ(home.chain.run(admitting, home.alpha), "ok");
  EXPECT_EQ(home.chain.state().member(gamma.info.node_id).value()->operation, id(admitting));
}

TEST(Batch, TheFirstFailureIsTheAnswerAndNothingHasChanged) {
  Batches home;
  const Invite invite;
  const std::vector<Request> wrong{home.chain.offer(Invite{}), RevokeInvite{invite.id()},
                                   home.chain.offer(invite), RevokeInvite{InviteId{}}};
  const Hash256 before = home.chain.chain.state.root();
  BlockBuilder builder(home.chain.machine, home.chain.chain, home.chain.now);
  Operation operation = home.make(home.operator_1, wrong);
  sign_operation(operation, home.fleet.operator_1, true).value();
  const auto refused = builder.add(encode(operation));
  ASSERT_EQ(code(refused), "trust.invite_unknown");
  EXPECT_EQ(refused.error().message(), "step 2 of 4: the fleet knows no such invite");
  EXPECT_EQ(builder.size(), 0u);
  auto built = std::move(builder).finish(home.fleet.alpha.info.node_id);
  ASSERT_TRUE(built);
  EXPECT_EQ(built->executed.chain.state.root(), before);
  EXPECT_TRUE(built->executed.changed.empty());
  // Its nonce has not passed.
  EXPECT_EQ(home.run(home.operator_1, {home.chain.offer(invite), RevokeInvite{invite.id()}}), "ok");
}

TEST(Batch, ApprovalsCountForEveryStep) {
  Batches home;
  const std::vector<Request> changes{home.chain.offer(Invite{}),
                                     SetParameters{.parameters = {.epoch_ms = 120'000}}};
  EXPECT_EQ(home.run(home.operator_1, changes), "fleet.operation_approvals");
  Operation operation = home.make(home.operator_1, changes);
  approve_operation(operation, home.fleet.operator_2).value();
  Operation other = operation;
  set_body(other, std::vector<Request>{changes[1], changes[0]});
  EXPECT_EQ(home.chain.run(other, home.operator_1), "fleet.operation_signature");
  EXPECT_EQ(home.chain.run(operation, home.operator_1), "ok");
  EXPECT_EQ(home.chain.state().parameters()->epoch_ms, 120'000u);
}

TEST(Batch, SomeKindsStandAlone) {
  Batches home;
  const auto refused = [&](const FleetOperation& change) {
    Operation operation = home.make(home.operator_1, {home.chain.offer(Invite{}), change});
    sign_operation(operation, home.fleet.operator_1, true).value();
    return home.chain.order({encode(operation)});
  };
  const auto key = consensus::VoteKey::generate(consensus::VoteSuite::kEd25519).value();
  EXPECT_EQ(code(refused(ChangeOperators{.add = {}, .remove = {}, .required = 1})),
            "fleet.operation_alone");
  EXPECT_EQ(code(refused(SetVoteKey{.key = key.public_key(), .possession = {}})),
            "fleet.operation_alone");
  EXPECT_EQ(code(refused(ConfirmEpoch{})), "fleet.operation_alone");
  EXPECT_EQ(refused(ConfirmEpoch{}).error().message(),
            "step 2 of 2: an operation of kind validator.confirm cannot be part of a batch: submit "
            "it by itself");
  EXPECT_TRUE(home.machine.find(kConvict)->alone);
  EXPECT_EQ(home.machine.find("batch")->kind, kBatch);
}

TEST(Batch, EveryStepIsCheckedForItsForm) {
  Batches home;
  const Bytes good = encode(FleetOperation(RootExported{}));
  EXPECT_EQ(code(home.add({{{kRootExported, good}, {0x7777, good}}}, true)),
            "fleet.operation_kind");
  EXPECT_EQ(code(home.add({{{kRootExported, good}, {kLeave, good}}}, true)),
            "fleet.operation_malformed");
  EXPECT_EQ(home.add({{{kLeave, good}, {kRootExported, good}}}, true).error().message(),
            "step 1 of 2: the body of the operation is malformed");
  EXPECT_EQ(code(home.add({{{kRootExported, good}, {kRootExported, good}}}, true)), "ok");
}

TEST(Batch, EndsWithItsAuthorsMembership) {
  Batches home;
  const auto beta = home.fleet.make_node("beta");
  ASSERT_EQ(home.chain.run(home.alpha, Register{home.fleet.admit(beta)}), "ok");
  const Author author = by_node(beta);
  const Expel itself{.node = beta.info.node_id, .reason = "sold"};
  const auto approved = [&](const std::vector<Request>& changes) {
    Operation operation = home.make(author, changes);
    approve_operation(operation, home.fleet.operator_1).value();
    return home.chain.run(operation, author);
  };
  EXPECT_EQ(approved({Leave{}, home.chain.offer(Invite{})}), "fleet.account_revoked");
  EXPECT_EQ(approved({itself, RootExported{}}), "fleet.account_revoked");
  EXPECT_EQ(home.run(author, {Leave{}, Leave{}}), "fleet.account_revoked");
  EXPECT_EQ(approved({home.chain.offer(Invite{}), Leave{}}), "ok");
  EXPECT_FALSE(*home.chain.state().member(beta.info.node_id));
}

TEST(Batch, IsHighWhenOneOfItsStepsIs) {
  Batches home;
  const std::vector<Step> low{{kNote, as_bytes("one")}, {kNote, as_bytes("two")}};
  EXPECT_EQ(code(home.add(low, false)), "ok");
  EXPECT_EQ(code(home.add(low, true)), "fleet.operation_signature");
  const std::vector<Step> high{{kNote, as_bytes("one")}, {kSealedNote, as_bytes("two")}};
  EXPECT_EQ(code(home.add(high, false)), "fleet.operation_signature");
  EXPECT_EQ(code(home.add(high, true)), "ok");
  for (const bool is_high : {false, true}) {
    const auto& steps = is_high ? high : low;
    const auto operation = decode_operation(home.sign(home.make(steps), is_high)).value();
    EXPECT_EQ(code(home.machine.verify_author(home.chain.chain.state, operation)), "ok");
    const auto other = decode_operation(home.sign(home.make(steps), !is_high)).value();
    EXPECT_EQ(code(home.machine.verify_author(home.chain.chain.state, other)),
              "fleet.operation_signature");
  }
}

// Steps of several layers; whoever follows reaches the same state.
TEST(Batch, FollowersMakeTheSameChanges) {
  Batches home;
  const Invite invite;
  const Bytes offer = encode(FleetOperation(home.chain.offer(invite)));
  const std::vector<Step> steps{
      {kNote, as_bytes("one")}, {kCreateInvite, offer}, {kSealedNote, as_bytes("two")}};
  const Operation operation = home.make(steps);
  BlockBuilder builder = home.builder();
  ASSERT_TRUE(builder.add(home.sign(operation, true)));
  const auto built = std::move(builder).finish(home.fleet.alpha.info.node_id).value();
  const auto changed = [](std::string_view key) { return to_bytes(as_bytes(key)); };
  EXPECT_EQ(built.executed.changed, (std::set<Bytes>{changed("notes/one"), changed("notes/two"),
                                                     invite_key(invite.id().view()),
                                                     account_key(home.operator_1.account)}));
  EXPECT_TRUE(equal(*built.executed.chain.state.get(changed("notes/two")), id(operation).view()));
  const auto followed = home.machine.execute(home.chain.chain, built.block);
  ASSERT_TRUE(followed) << followed.error().to_string();
  EXPECT_EQ(followed->chain.head, built.block.header);
  EXPECT_EQ(followed->changed, built.executed.changed);
}

// In batches an operator gets there soon.
TEST(Batch, AFullMemoryForInvitesForgetsTheOldestOnes) {
  Batches home;
  std::uint64_t made = 0;
  const auto offers = [&](std::size_t count) {
    std::vector<Request> out;
    for (std::size_t i = 0; i < count; ++i) {
      CreateInvite offer{.invite = {},
                         .role = Role::kNode,
                         .expiry = home.chain.now + testing::kHour,
                         .uses = 1,
                         .tag = {}};
      offer.invite.bytes[0] = static_cast<std::uint8_t>(made >> 8);
      offer.invite.bytes[1] = static_cast<std::uint8_t>(made++);
      out.emplace_back(std::move(offer));
    }
    return out;
  };
  const auto count = [&] { return home.chain.chain.state.count(invite_key({})); };
  while (count() + 250 <= kInvitesMax) {
    ASSERT_EQ(home.run(home.operator_1, offers(250)), "ok");
  }
  EXPECT_EQ(count(), kInvitesMax);
  EXPECT_EQ(home.run(home.operator_1, offers(1)), "fleet.invite_invalid");
  home.chain.now += kInviteMemoryMs;
  EXPECT_EQ(home.run(home.operator_1, offers(1)), "fleet.invite_invalid");
  home.chain.now += 2 * testing::kHour;
  EXPECT_EQ(home.run(home.operator_1, offers(2)), "ok");
  EXPECT_EQ(count(), 2u);
}

TEST(Batch, ABlockHasSoManySteps) {
  Batches home;
  const std::vector<Step> steps(kBatchStepsMax, Step{kNote, as_bytes("again")});
  BlockBuilder builder = home.builder();
  constexpr std::uint64_t kBatches = kBlockStepsMax / kBatchStepsMax;
  for (std::uint64_t nonce = 0; nonce < kBatches; ++nonce) {
    EXPECT_FALSE(builder.full());
    ASSERT_EQ(code(builder.add(home.sign(home.make(steps, nonce), false))), "ok") << nonce;
  }
  EXPECT_TRUE(builder.full());
  const Bytes more = home.sign(home.make(steps, kBatches), false);
  EXPECT_EQ(code(builder.add(more)), "fleet.overloaded");
  auto built = std::move(builder).finish(home.fleet.alpha.info.node_id).value();
  EXPECT_TRUE(home.machine.execute(home.chain.chain, built.block));
  // Whoever follows takes no more either.
  built.block.operations.push_back(more);
  built.block.header.operations = operations_hash(built.block.operations);
  const auto refused = home.machine.execute(home.chain.chain, built.block);
  ASSERT_EQ(code(refused), "fleet.block_invalid");
  EXPECT_TRUE(refused.error().message().contains("the block is full"));
}

}  // namespace
}  // namespace i2::fleet
