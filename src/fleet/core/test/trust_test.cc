// What the state says about certificates, and what a transport makes of it.
#include <algorithm>
#include <random>

#include "certificates.h"

namespace i2::fleet {
namespace {

using crypto::RevocationReason;
using testing::Author;
using testing::by_node;
using testing::by_operator;
using testing::code;
using testing::hello;
using testing::kHour;
using testing::kNow;
using testing::make_leaf;
using testing::run_approved;
using testing::TestChain;
using trustchain::CertificateId;
using trustchain::IndexCertificates;
using trustchain::IndexEntry;
using trustchain::RevokeAccount;
using trustchain::RevokeCertificates;
using trustchain::SetLog;
using trustchain::SetLogStandby;
using trustchain::SetPins;
using trustchain::StandbyLog;
using trustchain::TrustState;

constexpr UnixMillis kDay = 24 * kHour;

// Validator alpha holds the anchor; beta is a member; two operators decide together.
struct TrustHome {
  TrustHome() {
    chain.add_anchor();
    EXPECT_EQ(chain.run(alpha, Register{fleet.admit(beta)}), "ok");
  }

  [[nodiscard]] TrustState trust() const { return TrustState(chain.chain.state); }
  [[nodiscard]] MemberSet members() const {
    return MemberSet::from_state(chain.chain.state, chain.chain.head.height).value();
  }
  [[nodiscard]] std::uint64_t height() const { return chain.chain.head.height; }
  [[nodiscard]] Hash256 issuer() const {
    return fleet.anchor.certificate.public_key().spki_sha256();
  }
  [[nodiscard]] CertificateId id_of(const crypto::Certificate& leaf) const {
    return trustchain::certificate_id(leaf, issuer());
  }
  [[nodiscard]] IndexCertificates index(const crypto::Certificate& leaf,
                                        const testing::Node& owner) const {
    return {.issuer = issuer(),
            .entries = {{.not_after = leaf.not_after(),
                         .serial = leaf.serial(),
                         .profile = trustchain::Profile::kNode,
                         .key_hash = leaf.public_key().spki_sha256(),
                         .requester = account_of(owner.info.node_id),
                         .not_before = leaf.not_before(),
                         .log_index = 7}}};
  }
  [[nodiscard]] SetLog log(const testing::Node& holder, std::uint64_t epoch,
                           const crypto::PrivateKey& key) const {
    return {.origin = "log.example/home",
            .spki = to_bytes(key.public_key().spki()),
            .cosigners = {},
            .holder = holder.info.node_id,
            .epoch = epoch};
  }

  testing::Fleet fleet{"home", 2};
  testing::Node beta = fleet.make_node("beta");
  TestChain chain{fleet};
  Author alpha = by_node(fleet.alpha);
  Author operator_1 = by_operator(fleet.operator_1);
  crypto::PrivateKey log_key = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
};

TEST(Trust, AStateThatSaysNothingOfItIsAsItWas) {
  testing::Fleet fleet("home", 1);
  const Chain begun = StateMachine::begin(fleet.genesis).value();
  EXPECT_EQ(begun.state.count(as_bytes("trust/")), 0u);
  EXPECT_EQ(begun.state.size(), begun.state.count(as_bytes("fleet/")));
}

TEST(Trust, TheFirstLogIsTheAuthoritysOwnAndMovesUpwardsOnly) {
  TrustHome home;
  const Author beta = by_node(home.beta);
  EXPECT_EQ(home.chain.run(beta, home.log(home.beta, 1, home.log_key)), "fleet.operation_account");
  EXPECT_EQ(home.chain.run(home.alpha, home.log(home.beta, 1, home.log_key)), "trust.log_record");
  EXPECT_EQ(home.chain.run(home.alpha, home.log(home.fleet.alpha, 0, home.log_key)),
            "trust.log_record");
  const UnixMillis began = home.chain.now;
  ASSERT_EQ(home.chain.run(home.alpha, home.log(home.fleet.alpha, 1, home.log_key)), "ok");
  const auto first = home.trust().log().value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->holder, home.fleet.alpha.info.node_id);
  EXPECT_EQ(first->height, 3u);
  EXPECT_EQ(first->since, began);
  EXPECT_EQ(first->logged_since, began);

  const auto next = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  EXPECT_EQ(home.chain.run(home.alpha, home.log(home.fleet.alpha, 2, next)),
            "fleet.operation_approvals");
  EXPECT_EQ(home.chain.run(home.operator_1, home.log(home.beta, 2, next)),
            "fleet.operation_approvals");
  EXPECT_EQ(run_approved(home.chain, home.log(home.beta, 1, next)), "trust.log_record");
  EXPECT_EQ(run_approved(home.chain, home.log(home.fleet.make_node("gamma"), 2, next)),
            "trust.member_unknown");
  const UnixMillis moved = home.chain.now;
  ASSERT_EQ(run_approved(home.chain, home.log(home.beta, 2, next)), "ok");
  const auto logs = home.trust().logs().value();
  ASSERT_EQ(logs.size(), 2u);
  EXPECT_EQ(logs[0].until, moved);
  EXPECT_EQ(logs[1].until, 0u);
  EXPECT_EQ(logs[1].holder, home.beta.info.node_id);
  EXPECT_EQ(logs[1].logged_since, began);

  for (std::uint64_t epoch = 3; epoch <= 12; ++epoch) {
    ASSERT_EQ(run_approved(home.chain, home.log(home.beta, epoch, next)), "ok");
  }
  EXPECT_EQ(home.trust().logs().value().size(), trustchain::kLogsMax);
  EXPECT_EQ(home.trust().log().value()->logged_since, began);
}

// A head of a log with this key.
trustchain::ct::SignedCheckpoint head_of(const crypto::PrivateKey& key, std::uint64_t size,
                                         std::uint8_t root) {
  namespace ct = trustchain::ct;
  ct::SignedCheckpoint out;
  out.checkpoint = {.origin = "log.example/home", .head = {.size = size}, .extensions = {}};
  out.checkpoint.head.root.fill(root);
  out.note.text = ct::note_text(out.checkpoint);
  const auto signer =
      ct::NoteSigner::make(out.checkpoint.origin, ct::NoteKeyType::kTreeHead, key).value();
  out.note.signatures.push_back(signer.sign(out.note.text, kNow).value());
  return out;
}

trustchain::LogEvidence evidence_against(const crypto::PrivateKey& key, std::uint64_t size) {
  return {.evidence = {.first = head_of(key, size, 1).note,
                       .second = head_of(key, size, 2).note,
                       .root = head_of(key, size, 2).checkpoint.head.root,
                       .proof = {}}};
}

TEST(Trust, EvidenceAgainstALogIsNotedOnce) {
  TrustHome home;
  const Author beta = by_node(home.beta);
  const auto evidence = evidence_against(home.log_key, 9);
  EXPECT_EQ(home.chain.run(beta, evidence), "trust.evidence_invalid");  // of no log of the fleet
  ASSERT_EQ(home.chain.run(home.alpha, home.log(home.fleet.alpha, 1, home.log_key)), "ok");
  auto same = evidence;
  same.evidence.second = same.evidence.first;
  EXPECT_EQ(home.chain.run(beta, same), "trust.evidence_invalid");
  auto forged = evidence;
  forged.evidence.second.signatures[0].signature.back() ^= 1;
  EXPECT_EQ(home.chain.run(beta, forged), "trust.evidence_invalid");
  const auto other = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  EXPECT_EQ(home.chain.run(beta, evidence_against(other, 9)), "trust.evidence_invalid");
  EXPECT_FALSE(home.trust().log_evidence(1).value());

  const UnixMillis now = home.chain.now;
  ASSERT_EQ(home.chain.run(beta, evidence), "ok");
  const auto record = home.trust().log_evidence(1).value();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->evidence, encode(evidence.evidence));
  EXPECT_EQ(record->by, account_of(home.beta.info.node_id));
  EXPECT_EQ(record->at, now);
  EXPECT_EQ(home.chain.run(home.alpha, evidence_against(home.log_key, 12)), "trust.evidence_known");
  EXPECT_EQ(home.trust().log_evidence(1).value(), record);
  // It goes with the log.
  for (std::uint64_t epoch = 2; epoch <= 1 + trustchain::kLogsMax; ++epoch) {
    const auto next = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
    ASSERT_EQ(run_approved(home.chain, home.log(home.beta, epoch, next)), "ok");
  }
  EXPECT_FALSE(home.trust().log_evidence(1).value());
}

TEST(Trust, AuthoritiesIndexWhatTheyIssue) {
  TrustHome home;
  const auto leaf = make_leaf(home.fleet, home.beta, home.chain.now);
  auto batch = home.index(leaf, home.beta);
  EXPECT_EQ(home.chain.run(by_node(home.beta), batch), "fleet.operation_account");
  ASSERT_EQ(home.chain.run(home.alpha, batch), "ok");
  const auto record = home.trust().indexed(home.id_of(leaf)).value();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->requester, account_of(home.beta.info.node_id));
  EXPECT_EQ(record->authority, account_of(home.fleet.alpha.info.node_id));
  EXPECT_EQ(record->key_hash, leaf.public_key().spki_sha256());
  EXPECT_EQ(record->log_index, 7u);
  // What is there stays.
  batch.entries[0].requester = account_of(home.fleet.alpha.info.node_id);
  ASSERT_EQ(home.chain.run(home.alpha, batch), "ok");
  EXPECT_EQ(home.trust().indexed(home.id_of(leaf)).value(), record);

  auto longer = home.index(leaf, home.beta);
  longer.entries[0].not_before -= 1000;
  EXPECT_EQ(home.chain.run(home.alpha, longer), "trust.index_invalid");
  auto later = home.index(leaf, home.beta);
  later.entries[0].not_before = home.chain.now + 2 * kHour;
  later.entries[0].not_after = later.entries[0].not_before + kHour;
  EXPECT_EQ(home.chain.run(home.alpha, later), "trust.index_invalid");

  // The next one lets go of those that are over.
  home.chain.now += kDay + kHour;
  const auto next = make_leaf(home.fleet, home.beta, home.chain.now);
  ASSERT_EQ(home.chain.run(home.alpha, home.index(next, home.beta)), "ok");
  EXPECT_EQ(home.trust().indexed_count(), 1u);
  EXPECT_FALSE(home.trust().indexed(home.id_of(leaf)).value());
}

TEST(Trust, OwnersAuthoritiesAndOperatorsRevoke) {
  TrustHome home;
  const Author beta = by_node(home.beta);
  const auto certificate = [&](const testing::Node& owner, bool indexed = true) {
    const auto leaf = make_leaf(home.fleet, owner, home.chain.now);
    if (indexed) {
      EXPECT_EQ(home.chain.run(home.alpha, home.index(leaf, owner)), "ok");
    }
    return RevokeCertificates{.reason = RevocationReason::kSuperseded,
                              .certificates = {home.id_of(leaf)}};
  };
  const auto own = certificate(home.beta);
  EXPECT_EQ(home.chain.run(beta, own), "ok");
  EXPECT_EQ(home.trust().revoked(own.certificates[0]).value()->reason,
            RevocationReason::kSuperseded);
  EXPECT_EQ(home.chain.run(home.alpha, certificate(home.beta)), "ok");
  EXPECT_EQ(home.chain.run(home.operator_1, certificate(home.beta)), "ok");
  // Who cuts off a validator could stop the fleet.
  const auto validators = certificate(home.fleet.alpha);
  EXPECT_EQ(home.chain.run(beta, validators), "trust.revocation_denied");
  EXPECT_EQ(home.chain.run(home.operator_1, validators), "fleet.operation_approvals");
  EXPECT_EQ(run_approved(home.chain, validators), "ok");
  const auto unknown = certificate(home.beta, false);
  EXPECT_EQ(home.chain.run(beta, unknown), "trust.certificate_unknown");
  EXPECT_EQ(home.chain.run(home.alpha, unknown), "trust.certificate_unknown");
  EXPECT_EQ(home.chain.run(home.operator_1, unknown), "fleet.operation_approvals");
  EXPECT_EQ(run_approved(home.chain, unknown), "ok");
  EXPECT_EQ(home.trust().revoked_count(), 5u);

  auto far = unknown;
  far.certificates[0].not_after = home.chain.now + 2 * kDay;
  EXPECT_EQ(run_approved(home.chain, far), "trust.revocation_invalid");
  far.certificates[0].not_after = home.chain.now - 1000;
  EXPECT_EQ(run_approved(home.chain, far), "trust.revocation_invalid");

  // Remembered for a day longer than the certificates last.
  home.chain.now += kDay + kHour;
  EXPECT_EQ(home.chain.run(home.alpha, certificate(home.beta)), "ok");
  EXPECT_EQ(home.trust().revoked_count(), 6u);
  home.chain.now += kDay;
  EXPECT_EQ(home.chain.run(home.alpha, certificate(home.beta)), "ok");
  EXPECT_EQ(home.trust().revoked_count(), 2u);
}

TEST(Trust, ARevokedLeafIsRefused) {
  TrustHome home;
  const auto leaf = make_leaf(home.fleet, home.beta, home.chain.now);
  ASSERT_EQ(home.chain.run(home.alpha, home.index(leaf, home.beta)), "ok");
  const MemberSet before = home.members();
  EXPECT_EQ(hello(before, home.beta, leaf, home.chain.now), "ok");
  ASSERT_EQ(
      home.chain.run(home.operator_1, RevokeCertificates{.reason = RevocationReason::kKeyCompromise,
                                                         .certificates = {home.id_of(leaf)}}),
      "ok");
  const MemberSet after =
      before.after(home.chain.chain.state, home.chain.chain.head.height, {}).value();
  EXPECT_EQ(hello(after, home.beta, leaf, home.chain.now), "trust.certificate_revoked");
  EXPECT_EQ(hello(after, home.beta, leaf, home.chain.now + 20 * kDay), "trust.certificate_revoked");
  EXPECT_EQ(code(after.check_revocation(home.beta.info.node_id, leaf)),
            "trust.certificate_revoked");
  EXPECT_EQ(hello(before, home.beta, leaf, home.chain.now), "ok");
  const auto renewed = make_leaf(home.fleet, home.beta, home.chain.now);
  EXPECT_EQ(hello(after, home.beta, renewed, home.chain.now), "ok");
}

TEST(Trust, AnAccountLosesWhatItHadUntilThen) {
  TrustHome home;
  const ports::AccountId account = account_of(home.beta.info.node_id);
  const auto leaf = make_leaf(home.fleet, home.beta, home.chain.now);
  EXPECT_EQ(
      home.chain.run(home.operator_1, RevokeAccount{.account = home.alpha.account, .reason = {}}),
      "fleet.operation_approvals");
  const auto stranger = home.fleet.make_node("gamma");
  EXPECT_EQ(home.chain.run(home.alpha, RevokeAccount{.account = account, .reason = {}}),
            "fleet.operation_approvals");
  ASSERT_EQ(
      home.chain.run(by_node(home.beta),
                     RevokeAccount{.account = account, .reason = RevocationReason::kKeyCompromise}),
      "ok");
  const MemberSet members = home.members();
  EXPECT_EQ(hello(members, home.beta, leaf, home.chain.now), "trust.certificate_revoked");
  const auto renewed = make_leaf(home.fleet, home.beta, home.chain.now);
  EXPECT_EQ(hello(members, home.beta, renewed, home.chain.now), "ok");
  const auto others = make_leaf(home.fleet, home.fleet.alpha, kNow);
  EXPECT_EQ(hello(members, home.fleet.alpha, others, home.chain.now), "ok");
}

TEST(Trust, LeavesAreInTheLogOnceThereIsOne) {
  TrustHome home;
  const auto unlogged = [&] { return make_leaf(home.fleet, home.beta, home.chain.now); };
  const auto before = unlogged();
  EXPECT_FALSE(home.members().misses_promise(before));
  ASSERT_EQ(home.chain.run(home.alpha, home.log(home.fleet.alpha, 1, home.log_key)), "ok");
  const auto soon = unlogged();
  home.chain.now += trustchain::kFirstLogGraceMs;
  const auto late = unlogged();
  const auto logged =
      make_leaf(home.fleet, home.beta, home.chain.now, &home.log_key, home.height());
  const auto other_key = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  const auto elsewhere =
      make_leaf(home.fleet, home.beta, home.chain.now, &other_key, home.height());
  const auto silent = make_leaf(home.fleet, home.beta, home.chain.now, &home.log_key);
  const MemberSet members = home.members();
  using enum ports::LeafStanding;
  const auto standing = [&](const MemberSet& set, const crypto::Certificate& leaf) {
    return set.check_leaf(leaf, home.chain.now).value();
  };
  EXPECT_EQ(standing(members, before), kValid);
  EXPECT_EQ(standing(members, soon), kValid);
  EXPECT_EQ(standing(members, logged), kValid);
  EXPECT_EQ(standing(members, late), kUnlogged);
  EXPECT_EQ(standing(members, elsewhere), kUnlogged);
  EXPECT_EQ(standing(members, silent), kUnlogged) << "it states no height";
  EXPECT_EQ(members.check_leaf(late, home.chain.now + 25 * kHour).value(), kExpired);
  // It says who the member is all the same, so that it can renew.
  EXPECT_EQ(hello(members, home.beta, late, home.chain.now), "ok");
  // What nobody holds against it is missing nevertheless.
  EXPECT_TRUE(members.misses_promise(soon));
  EXPECT_TRUE(members.misses_promise(elsewhere));
  EXPECT_TRUE(members.misses_promise(silent));
  EXPECT_FALSE(members.misses_promise(logged));

  // What a log answers, before it is in a certificate.
  const auto& anchor = home.fleet.anchor.certificate;
  const auto promise = [](const crypto::Certificate& of) { return of.fields().scts.front(); };
  EXPECT_EQ(code(members.logs().check_sct(promise(logged), logged, anchor)), "ok");
  EXPECT_EQ(code(members.logs().check_sct(promise(elsewhere), elsewhere, anchor)),
            "trust.sct_invalid");
  EXPECT_EQ(code(members.logs().check_sct(promise(logged), late, anchor)), "trust.sct_invalid");
  EXPECT_EQ(code(members.logs().check_sct(as_bytes("none"), logged, anchor)), "trust.sct_invalid");

  // With another log: the promises of the one before hold, as far as it made them in office.
  ASSERT_EQ(run_approved(home.chain, home.log(home.beta, 2, other_key)), "ok");
  home.chain.now += kHour;
  const auto stolen =
      make_leaf(home.fleet, home.beta, home.chain.now, &home.log_key, home.height());
  const MemberSet moved =
      members.after(home.chain.chain.state, home.chain.chain.head.height, {trustchain::log_key(2)})
          .value();
  EXPECT_EQ(standing(moved, logged), kValid);
  EXPECT_EQ(standing(moved, elsewhere), kValid);
  EXPECT_EQ(standing(moved, stolen), kUnlogged);
}

// The operation by which the node of a standby makes its log the fleet's.
SetLog taken_over(const StandbyLog& standby, std::uint64_t epoch) {
  return {.origin = standby.origin,
          .spki = standby.spki,
          .cosigners = standby.cosigners,
          .holder = standby.node,
          .epoch = epoch};
}

// alpha's log is the fleet's; beta and gamma have logs of their own.
struct StandbyHome : TrustHome {
  StandbyHome() {
    EXPECT_EQ(chain.run(alpha, Register{fleet.admit(gamma)}), "ok");
    EXPECT_EQ(chain.run(alpha, log(fleet.alpha, 1, log_key)), "ok");
  }
  [[nodiscard]] StandbyLog standby(const testing::Node& node, const crypto::PrivateKey& key) const {
    return {.node = node.info.node_id,
            .origin = "log.example/" + node.info.name,
            .spki = to_bytes(key.public_key().spki()),
            .cosigners = {}};
  }
  [[nodiscard]] std::vector<StandbyLog> standbys() const { return trust().log_standbys().value(); }
  [[nodiscard]] static SetLogStandby removal(const testing::Node& node) {
    return {.log = {.node = node.info.node_id, .origin = {}, .spki = {}, .cosigners = {}}};
  }

  testing::Node gamma = fleet.make_node("gamma");
  crypto::PrivateKey beta_key = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  crypto::PrivateKey gamma_key = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  StandbyLog of_beta = standby(beta, beta_key);
  StandbyLog of_gamma = standby(gamma, gamma_key);
};

TEST(Trust, OperatorsNameStandbysInTheOrderOfTheirRank) {
  StandbyHome home;
  EXPECT_EQ(home.chain.run(by_node(home.beta), SetLogStandby{home.of_beta}),
            "fleet.operation_approvals");
  EXPECT_EQ(home.chain.run(home.operator_1, SetLogStandby{home.of_beta}),
            "fleet.operation_approvals");
  EXPECT_EQ(run_approved(home.chain,
                         SetLogStandby{home.standby(home.fleet.make_node("zeta"), home.beta_key)}),
            "trust.member_unknown");
  EXPECT_EQ(run_approved(home.chain, SetLogStandby{home.standby(home.fleet.alpha, home.beta_key)}),
            "trust.standby_invalid");
  EXPECT_EQ(run_approved(home.chain, SetLogStandby{home.standby(home.beta, home.log_key)}),
            "trust.standby_invalid");
  EXPECT_EQ(run_approved(home.chain, home.removal(home.beta)), "trust.standby_unknown");
  EXPECT_TRUE(home.standbys().empty());

  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_gamma}), "ok");
  EXPECT_EQ(run_approved(home.chain, SetLogStandby{home.standby(home.beta, home.gamma_key)}),
            "trust.standby_invalid");
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_beta}), "ok");
  EXPECT_EQ(home.standbys(), (std::vector<StandbyLog>{home.of_gamma, home.of_beta}));
  // Another log of the same node keeps the rank.
  const auto newer = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  const StandbyLog replaced = home.standby(home.gamma, newer);
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{replaced}), "ok");
  EXPECT_EQ(home.standbys(), (std::vector<StandbyLog>{replaced, home.of_beta}));
  EXPECT_EQ(home.chain.run(by_node(home.gamma), home.removal(home.gamma)),
            "fleet.operation_approvals");
  ASSERT_EQ(run_approved(home.chain, home.removal(home.gamma)), "ok");
  EXPECT_EQ(home.standbys(), std::vector<StandbyLog>{home.of_beta});
  ASSERT_EQ(run_approved(home.chain, home.removal(home.beta)), "ok");
  EXPECT_FALSE(home.chain.chain.state.get(trustchain::log_standbys_key()));
}

TEST(Trust, ALogAndItsStandbysStandAlone) {
  TrustHome home;
  for (const std::uint16_t kind : {trustchain::kSetLog, trustchain::kLogStandby}) {
    EXPECT_TRUE(home.chain.machine.find(kind)->alone);
  }
  EXPECT_EQ(home.chain.machine.find("log.standby")->kind, trustchain::kLogStandby);
}

TEST(Trust, AFleetHasAFewStandbysAndOnlyWhenItHasALog) {
  TrustHome bare;
  EXPECT_EQ(
      run_approved(bare.chain, SetLogStandby{{.node = bare.beta.info.node_id,
                                              .origin = "log.example/beta",
                                              .spki = to_bytes(bare.log_key.public_key().spki()),
                                              .cosigners = {}}}),
      "trust.no_log");
  StandbyHome home;
  for (std::size_t i = 0; i <= trustchain::kLogStandbysMax; ++i) {
    const auto node = home.fleet.make_node("node" + std::to_string(i));
    ASSERT_EQ(home.chain.run(home.alpha, Register{home.fleet.admit(node)}), "ok");
    const auto key = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
    EXPECT_EQ(run_approved(home.chain, SetLogStandby{home.standby(node, key)}),
              i < trustchain::kLogStandbysMax ? "ok" : "trust.standbys_full");
  }
}

TEST(Trust, AStandbyTakesOverWithTheRecordThatWasApproved) {
  StandbyHome home;
  const Author beta = by_node(home.beta);
  const Author gamma = by_node(home.gamma);
  EXPECT_EQ(home.chain.run(beta, taken_over(home.of_beta, 2)), "fleet.operation_approvals");
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_beta}), "ok");
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_gamma}), "ok");

  const auto other = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  auto wrong = taken_over(home.of_beta, 2);
  wrong.spki = to_bytes(other.public_key().spki());
  EXPECT_EQ(home.chain.run(beta, wrong), "trust.log_record");
  wrong = taken_over(home.of_beta, 2);
  wrong.origin = "log.example/other";
  EXPECT_EQ(home.chain.run(beta, wrong), "trust.log_record");
  EXPECT_EQ(home.chain.run(beta, taken_over(home.of_gamma, 2)), "trust.log_record");
  EXPECT_EQ(home.chain.run(beta, taken_over(home.of_beta, 1)), "trust.log_record");
  EXPECT_EQ(home.chain.run(beta, taken_over(home.of_beta, 3)), "trust.log_record");
  EXPECT_EQ(home.chain.run(home.operator_1, taken_over(home.of_beta, 2)),
            "fleet.operation_approvals");
  EXPECT_EQ(home.chain.run(home.alpha, taken_over(home.of_beta, 2)), "fleet.operation_approvals");

  ASSERT_EQ(home.chain.run(beta, taken_over(home.of_beta, 2)), "ok");
  const auto present = home.trust().log().value();
  EXPECT_EQ(std::tie(present->holder, present->spki, present->epoch),
            std::tuple(home.beta.info.node_id, home.of_beta.spki, 2u));
  EXPECT_EQ(home.standbys(), std::vector<StandbyLog>{home.of_gamma});
  // Once: from then on it is as everybody else, and so is who had the log before.
  EXPECT_EQ(home.chain.run(beta, taken_over(home.of_beta, 3)), "fleet.operation_approvals");
  EXPECT_EQ(home.chain.run(home.alpha, home.log(home.fleet.alpha, 3, home.log_key)),
            "fleet.operation_approvals");
  // Of two at once the second one has the epoch that has passed.
  EXPECT_EQ(home.chain.run(gamma, taken_over(home.of_gamma, 2)), "trust.log_record");
  ASSERT_EQ(home.chain.run(gamma, taken_over(home.of_gamma, 3)), "ok");
  EXPECT_TRUE(home.standbys().empty());
}

TEST(Trust, AStandbyThatWasTakenBackOrHasLeftTakesNothingOver) {
  StandbyHome home;
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_beta}), "ok");
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_gamma}), "ok");
  ASSERT_EQ(run_approved(home.chain, home.removal(home.beta)), "ok");
  EXPECT_EQ(home.chain.run(by_node(home.beta), taken_over(home.of_beta, 2)),
            "fleet.operation_approvals");
  ASSERT_EQ(home.chain.run(home.operator_1, Expel{home.gamma.info.node_id, "stolen"}), "ok");
  EXPECT_EQ(home.chain.run(by_node(home.gamma), taken_over(home.of_gamma, 2)),
            "fleet.account_revoked");
  // What operators make the fleet's by hand stands by no more either.
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_beta}), "ok");
  ASSERT_EQ(run_approved(home.chain, taken_over(home.of_beta, 2)), "ok");
  EXPECT_FALSE(std::ranges::contains(home.standbys(), home.beta.info.node_id, &StandbyLog::node));
}

TEST(Trust, WhatALogPromisesCountsWhileItIsTheFleets) {
  StandbyHome home;
  ASSERT_EQ(run_approved(home.chain, SetLogStandby{home.of_beta}), "ok");
  home.chain.now += kHour;
  const auto leaf = [&](const crypto::PrivateKey& key) {
    return make_leaf(home.fleet, home.beta, home.chain.now, &key, home.height());
  };
  const auto standing = [&](const crypto::Certificate& of) {
    return home.members().check_leaf(of, home.chain.now).value();
  };
  using enum ports::LeafStanding;
  const auto early = leaf(home.beta_key);
  EXPECT_EQ(standing(early), kUnlogged);
  home.chain.now += kHour;
  const auto last = leaf(home.log_key);
  ASSERT_EQ(home.chain.run(by_node(home.beta), taken_over(home.of_beta, 2)), "ok");
  // Clocks differ by five minutes at most.
  home.chain.now += trustchain::kLeafBackdateMs - 60'000;
  EXPECT_EQ(standing(leaf(home.log_key)), kValid);
  home.chain.now += 2 * 60'000;
  EXPECT_EQ(standing(leaf(home.log_key)), kUnlogged);
  EXPECT_EQ(standing(last), kValid);
  EXPECT_EQ(standing(leaf(home.beta_key)), kValid);
  EXPECT_EQ(standing(early), kUnlogged);  // it was no log of the fleet then
  // The same log once more, by operators: each of its times counts.
  const auto fenced = leaf(home.log_key);
  home.chain.now += kHour;
  ASSERT_EQ(run_approved(home.chain, home.log(home.fleet.alpha, 3, home.log_key)), "ok");
  EXPECT_EQ(standing(leaf(home.log_key)), kValid);
  EXPECT_EQ(standing(last), kValid);
  EXPECT_EQ(standing(fenced), kUnlogged);
}

// Leaf and key exchange share a server's first flight: what fits is in trustchain/core/profile.cc.
TEST(Trust, ALoggedLeafFitsTheFirstFlight) {
  TrustHome home;
  const auto leaf = make_leaf(home.fleet, home.beta, home.chain.now, &home.log_key, home.height());
  EXPECT_LT(leaf.der().size(), info(trustchain::Profile::kNode).size_max);
  EXPECT_LT(leaf.der().size() - make_leaf(home.fleet, home.beta, home.chain.now).der().size(),
            220u);
}

TEST(Trust, PinsNameTheAuthoritiesOfAMember) {
  TrustHome home;
  const auto leaf = make_leaf(home.fleet, home.beta, home.chain.now);
  const NodeId node = home.beta.info.node_id;
  Hash256 other{};
  other.back() = 1;
  const std::vector<Hash256> foreign = {Hash256{}, other};
  EXPECT_EQ(home.chain.run(by_node(home.beta), SetPins{node, true, foreign}),
            "fleet.operation_approvals");
  EXPECT_EQ(home.chain.run(home.operator_1, SetPins{node, true, {other}}), "trust.pin_backup");
  ASSERT_EQ(home.chain.run(home.operator_1, SetPins{node, true, foreign}), "ok");
  EXPECT_EQ(hello(home.members(), home.beta, leaf, home.chain.now), "trust.pin_mismatch");
  ASSERT_EQ(home.chain.run(home.operator_1, SetPins{node, false, {other}}), "ok");
  EXPECT_EQ(hello(home.members(), home.beta, leaf, home.chain.now), "ok");
  ASSERT_EQ(home.chain.run(home.operator_1, SetPins{node, true, {other, home.issuer()}}), "ok");
  EXPECT_EQ(hello(home.members(), home.beta, leaf, home.chain.now), "ok");
  ASSERT_EQ(home.chain.run(home.operator_1, SetPins{node, false, {}}), "ok");
  EXPECT_EQ(home.chain.chain.state.count(trustchain::pin_key({})), 0u);
}

IndexCertificates random_batch(std::mt19937_64& random, const Hash256& issuer, UnixMillis now,
                               std::size_t count) {
  IndexCertificates out{.issuer = issuer, .entries = {}};
  for (std::size_t i = 0; i < count; ++i) {
    IndexEntry entry{.not_after = now + kHour + random() % kHour,
                     .serial = Bytes(16, 0x11),
                     .profile = trustchain::Profile::kServer,
                     .key_hash = issuer,
                     .requester = {},
                     .not_before = now,
                     .log_index = random()};
    wire::Writer(entry.serial).u32(static_cast<std::uint32_t>(random()));
    out.entries.push_back(std::move(entry));
  }
  std::ranges::sort(out.entries, {}, [](const IndexEntry& entry) {
    return std::pair(entry.not_after, entry.serial);
  });
  return out;
}

// Whatever is asked for in whatever order, somebody who follows the blocks gets the same state.
TEST(Trust, FollowersOfRandomOperationsReachTheSameState) {
  TrustHome home;
  std::mt19937_64 random(2026);
  Chain follower = home.chain.chain;
  std::vector<CertificateId> known;
  std::size_t accepted = 0;
  for (int round = 0; round < 150; ++round) {
    home.chain.now += random() % (30 * 60 * 1000);
    trustchain::TrustOperation change;
    switch (random() % 6) {
      case 0:
        change = home.log(home.fleet.alpha, random() % 40, home.log_key);
        break;
      case 1:
        change = RevokeAccount{.account = home.alpha.account, .reason = {}};
        break;
      case 2:
        if (!known.empty()) {
          change = RevokeCertificates{.reason = RevocationReason::kUnspecified,
                                      .certificates = {known[random() % known.size()]}};
          break;
        }
        [[fallthrough]];
      case 3:
        change = SetPins{home.beta.info.node_id, false,
                         std::vector<Hash256>(random() % 2, home.issuer())};
        break;
      default: {
        auto batch = random_batch(random, home.issuer(), home.chain.now, 1 + random() % 40);
        for (const IndexEntry& entry : batch.entries) {
          known.push_back({entry.not_after, batch.issuer, entry.serial});
        }
        change = std::move(batch);
      }
    }
    const Author& author = random() % 2 == 0 ? home.alpha : home.operator_1;
    const Request request(change);
    Operation operation = home.chain.make(author, request);
    if (random() % 2 == 0) {
      approve_operation(operation, home.fleet.operator_2).value();
    }
    sign_operation(operation, author.key, request.high).value();
    const auto block = home.chain.order({encode(operation)});
    if (!block) {
      continue;
    }
    ++accepted;
    const auto executed = StateMachine().execute(follower, *block);
    ASSERT_TRUE(executed) << executed.error().to_string();
    follower = executed->chain;
    ASSERT_EQ(follower.state.root(), home.chain.chain.state.root());
  }
  EXPECT_GT(accepted, 50u);
  EXPECT_GT(home.trust().indexed_count(), 0u);
}

// A thousand certificates a second, until the index has as many as it may and turned over.
TEST(Trust, TheIndexIsBounded) {
  TrustHome home;
  std::mt19937_64 random(7);
  const auto batches = trustchain::kIndexedMax / trustchain::kCertificatesPerOperationMax + 100;
  for (std::uint64_t done = 0; done < batches; done += 4) {
    std::vector<Bytes> operations;
    for (std::uint64_t i = 0; i < 4; ++i) {
      auto operation =
          home.chain.make(home.alpha, random_batch(random, home.issuer(), home.chain.now,
                                                   trustchain::kCertificatesPerOperationMax));
      operation.nonce += i;
      sign_operation(operation, home.alpha.key, false).value();
      operations.push_back(encode(operation));
    }
    ASSERT_EQ(code(home.chain.order(std::move(operations))), "ok");
    ASSERT_LE(home.trust().indexed_count(), trustchain::kIndexedMax);
  }
  EXPECT_EQ(home.trust().indexed_count(), trustchain::kIndexedMax);
}

}  // namespace
}  // namespace i2::fleet
