// Which certificates convict their authority, and which never do.
#include <i2/trustchain/core/leaf.h>

#include "certificates.h"

namespace i2::fleet {
namespace {

using testing::Author;
using testing::by_node;
using testing::by_operator;
using testing::code;
using testing::kHour;
using testing::make_leaf;
using testing::run_approved;
using testing::TestChain;
using trustchain::AuthorityEvidence;
using trustchain::Issuance;

// Validator alpha has the anchor at height 1; beta is a member from height 2 on; what is not about
// members takes heights as well.
struct MisissuanceHome {
  MisissuanceHome() {
    chain.add_anchor();
    EXPECT_EQ(chain.run(alpha, Register{fleet.admit(beta)}), "ok");
  }

  [[nodiscard]] std::uint64_t height() const { return chain.chain.head.height; }
  [[nodiscard]] MemberSet members() const {
    return MemberSet::from_state(chain.chain.state, height()).value();
  }
  void pass_a_block() { EXPECT_EQ(chain.run(operator_1, RootExported{}), "ok"); }
  void expel(const testing::Node& node) {
    EXPECT_EQ(run_approved(chain, Expel{.node = node.info.node_id, .reason = "stolen"}), "ok");
  }
  [[nodiscard]] crypto::CertificateFields fields(const std::string& name,
                                                 std::optional<std::uint64_t> stated) {
    return {.subject_key = leaf_key.public_key(),
            .common_name = name,
            .dns_names = {trustchain::leaf_dns_name(name, "home")},
            .not_before = chain.now - trustchain::kLeafBackdateMs,
            .not_after = chain.now + kHour,
            .serial = fleet.serial(),
            .state_height = stated};
  }
  [[nodiscard]] Bytes sign(const crypto::CertificateFields& wanted) const {
    return crypto::build_certificate(wanted, &fleet.anchor.certificate, fleet.anchor_key)
        .value()
        .der();
  }
  [[nodiscard]] Bytes leaf(const std::string& name, std::optional<std::uint64_t> stated) {
    return sign(fields(name, stated));
  }
  // What becomes of it in the next block.
  std::string accuse(Bytes certificate) {
    return chain.run(by_node(beta), AuthorityEvidence{.certificate = std::move(certificate)});
  }
  // Likewise, of a member for whom it does not matter.
  std::string accuse_by_alpha(Bytes certificate) {
    return chain.run(alpha, AuthorityEvidence{.certificate = std::move(certificate)});
  }

  testing::Fleet fleet{"home", 2};
  testing::Node beta = fleet.make_node("beta");
  TestChain chain{fleet};
  Author alpha = by_node(fleet.alpha);
  Author operator_1 = by_operator(fleet.operator_1);
  crypto::PrivateKey leaf_key = testing::new_key(crypto::SignatureAlgorithm::kFalcon1024);
};

TEST(Misissuance, ANameThatNobodyHadConvictsOnce) {
  MisissuanceHome home;
  const UnixMillis at = home.chain.now;
  const Bytes leaf = home.leaf("ghost", 1);
  ASSERT_EQ(home.accuse(leaf), "ok");
  const trustchain::TrustState trust(home.chain.chain.state);
  const auto records = trust.authority_evidence().value();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].issuer, home.fleet.anchor.certificate.public_key().spki_sha256());
  EXPECT_EQ(records[0].holder, home.fleet.alpha.info.node_id);
  EXPECT_EQ(records[0].certificate, leaf);
  EXPECT_EQ(records[0].at, at);
  EXPECT_EQ(records[0].by, account_of(home.beta.info.node_id));
  EXPECT_TRUE(trust.is_convicted(records[0].issuer));
  // The same again, and another one of the same authority.
  EXPECT_EQ(home.accuse(leaf), "trust.evidence_known");
  EXPECT_EQ(home.accuse(home.leaf("spirit", 2)), "trust.evidence_known");
  EXPECT_EQ(home.chain.state().anchors().value().size(), 1U) << "operators decide what follows";
}

TEST(Misissuance, APrecertificateIsEnough) {
  MisissuanceHome home;
  crypto::CertificateFields fields = home.fields("ghost", 2);
  fields.precertificate = true;
  EXPECT_EQ(home.accuse(home.sign(fields)), "ok");
}

TEST(Misissuance, AMembersNameNeverConvicts) {
  MisissuanceHome home;
  for (int blocks = 0; blocks < 4; ++blocks) {
    // However late it is judged, by whatever state since the admission it was issued.
    for (std::uint64_t stated = 2; stated <= home.height(); ++stated) {
      EXPECT_EQ(home.accuse(home.leaf("beta", stated)), "trust.evidence_invalid") << stated;
    }
    home.pass_a_block();
  }
  // The first member was admitted by the genesis.
  for (std::uint64_t stated = 0; stated <= home.height(); ++stated) {
    EXPECT_EQ(home.accuse(home.leaf("alpha", stated)), "trust.evidence_invalid") << stated;
  }
  EXPECT_EQ(home.accuse(home.leaf("beta", 1)), "ok") << "before its admission";
}

TEST(Misissuance, ARoleDoesNotRenewATenure) {
  MisissuanceHome home;
  for (const testing::Node* node : {&home.fleet.alpha, &home.beta}) {
    const auto key = consensus::VoteKey::generate(consensus::VoteSuite::kEd25519).value();
    const Bytes message = possession_message(home.chain.chain.head.chain_id, node->info.node_id);
    ASSERT_EQ(home.chain.run(by_node(*node), SetVoteKey{.key = key.public_key(),
                                                        .possession = key.sign(message).value()}),
              "ok");
  }
  ASSERT_EQ(
      run_approved(home.chain, SetRole{.node = home.beta.info.node_id, .role = Role::kValidator}),
      "ok");
  EXPECT_EQ(home.accuse(home.leaf("beta", 2)), "trust.evidence_invalid");
}

// It did not know of the expulsion yet, or issued just before: how much later anybody sees the
// certificate does not matter.
TEST(Misissuance, AnAuthorityThatIsBehindIsNotConvicted) {
  MisissuanceHome home;
  home.pass_a_block();
  const std::uint64_t last = home.height();
  home.expel(home.beta);
  home.pass_a_block();
  for (std::uint64_t stated = 2; stated <= last; ++stated) {
    EXPECT_EQ(home.accuse_by_alpha(home.leaf("beta", stated)), "trust.evidence_invalid") << stated;
  }
  EXPECT_EQ(home.accuse_by_alpha(home.leaf("beta", last + 1)), "ok") << "it had seen the expulsion";
}

TEST(Misissuance, TheBlockOfADepartureConvictsOnlyWhoCannotHaveSeenIt) {
  MisissuanceHome home;
  // Both in one block: the authority had the state before, in which beta was a member.
  const std::uint64_t before = home.height();
  const Bytes expulsion = [&] {
    Operation out = home.chain.make(
        home.operator_1, Request(Expel{.node = home.beta.info.node_id, .reason = "stolen"}));
    approve_operation(out, home.fleet.operator_2).value();
    sign_operation(out, home.operator_1.key, true).value();
    return encode(out);
  }();
  const Bytes evidence =
      home.chain.sign(home.alpha, AuthorityEvidence{.certificate = home.leaf("beta", before)});
  EXPECT_EQ(code(home.chain.order({expulsion, evidence})), "trust.evidence_invalid");
  const Bytes ahead =
      home.chain.sign(home.alpha, AuthorityEvidence{.certificate = home.leaf("beta", before + 1)});
  EXPECT_EQ(code(home.chain.order({expulsion, ahead})), "ok") << "no such state was there";
}

TEST(Misissuance, NamesAreFreedAndUsedAgain) {
  MisissuanceHome home;
  const std::uint64_t left = home.height() + 1;
  home.expel(home.beta);
  home.pass_a_block();
  testing::Node next = home.fleet.make_node("beta");
  ASSERT_EQ(home.chain.run(home.alpha, Register{home.fleet.admit(next)}), "ok");
  const std::uint64_t admitted = home.height();
  home.pass_a_block();
  home.expel(next);
  const std::uint64_t left_again = home.height();
  home.pass_a_block();
  testing::Node third = home.fleet.make_node("beta");
  ASSERT_EQ(home.chain.run(home.alpha, Register{home.fleet.admit(third)}), "ok");
  const std::uint64_t present = home.height();
  const FleetState state = home.chain.state();
  for (std::uint64_t stated = 0; stated <= present + 3; ++stated) {
    const bool had = (stated >= 2 && stated < left) ||
                     (stated >= admitted && stated < left_again) || stated >= present;
    EXPECT_EQ(state.had_member("beta", stated).value(), had) << stated;
  }
  EXPECT_FALSE(state.had_member("bet", 2).value());
  EXPECT_FALSE(state.had_member("beta/", 2).value());
  EXPECT_FALSE(state.had_member("", 2).value());
  EXPECT_FALSE(state.had_member(std::string(300, 'b'), 2).value());
  EXPECT_EQ(home.accuse_by_alpha(home.leaf("beta", admitted)), "trust.evidence_invalid");
  EXPECT_EQ(home.accuse_by_alpha(home.leaf("beta", left)), "ok");
}

TEST(Misissuance, AStateThatIsNotThereYetConvicts) {
  MisissuanceHome home;
  // Only the height of the block before it can have been stated by anybody.
  EXPECT_EQ(home.accuse(home.leaf("beta", home.height())), "trust.evidence_invalid");
  EXPECT_EQ(home.accuse(home.leaf("beta", home.height() + 1)), "ok");
}

// Times of certificates do not count, so that clocks can neither convict nor acquit.
TEST(Misissuance, TimesDoNotCount) {
  MisissuanceHome home;
  for (const UnixMillis begins : {UnixMillis{0}, home.chain.now + 1000 * kHour}) {
    crypto::CertificateFields fields = home.fields("beta", 2);
    fields.not_before = begins;
    fields.not_after = begins + kHour;
    EXPECT_EQ(home.accuse(home.sign(fields)), "trust.evidence_invalid");
  }
  crypto::CertificateFields fields = home.fields("ghost", 2);
  fields.not_before = home.chain.now + 1000 * kHour;
  fields.not_after = fields.not_before + kHour;
  EXPECT_EQ(home.accuse(home.sign(fields)), "ok");
}

TEST(Misissuance, OtherNamesBesideItsOwnConvict) {
  const auto accused = [](auto change) {
    MisissuanceHome home;
    crypto::CertificateFields fields = home.fields("beta", 2);
    change(fields);
    return home.accuse(home.sign(fields));
  };
  using Fields = crypto::CertificateFields;
  EXPECT_EQ(accused([](Fields&) {}), "trust.evidence_invalid");
  EXPECT_EQ(accused([](Fields& f) { f.dns_names = {"alpha.home.i2.internal"}; }), "ok");
  EXPECT_EQ(accused([](Fields& f) { f.dns_names.emplace_back("alpha.home.i2.internal"); }), "ok");
  EXPECT_EQ(accused([](Fields& f) { f.dns_names.clear(); }), "ok");
  EXPECT_EQ(accused([](Fields& f) { f.ip_addresses = {trustchain::kLoopback}; }), "ok");
  EXPECT_EQ(accused([](Fields& f) { f.common_name = "beta.home.i2.internal"; }), "ok");
}

TEST(Misissuance, WhatSaysNothingOfAnAuthorityIsRefused) {
  MisissuanceHome home;
  EXPECT_EQ(home.accuse(home.leaf("ghost", std::nullopt)), "trust.evidence_invalid")
      << "without a height";
  EXPECT_EQ(home.accuse(to_bytes(as_bytes("no certificate"))), "trust.evidence_invalid");
  crypto::CertificateFields other_key = home.fields("ghost", 2);
  const auto p256 = testing::new_key(crypto::SignatureAlgorithm::kEcdsaP256);
  other_key.subject_key = p256.public_key();
  EXPECT_EQ(home.accuse(home.sign(other_key)), "trust.evidence_invalid") << "another profile";
  // By somebody else in the anchor's name, and with the signature damaged.
  const auto stranger = testing::new_key(crypto::SignatureAlgorithm::kFalcon1024);
  const auto forged_anchor =
      trustchain::make_anchor_certificate(stranger, home.fleet.anchor.not_before,
                                          home.fleet.anchor.not_after, home.fleet.serial())
          .value();
  EXPECT_EQ(home.accuse(crypto::build_certificate(home.fields("ghost", 2), &forged_anchor, stranger)
                            .value()
                            .der()),
            "trust.evidence_invalid");
  Bytes damaged = home.leaf("ghost", 2);
  damaged[damaged.size() - 100] ^= 1;
  EXPECT_EQ(home.accuse(damaged), "trust.evidence_invalid");
  EXPECT_TRUE(trustchain::TrustState(home.chain.chain.state).authority_evidence()->empty());
}

// What an anchor signed counts for nothing once operators have removed it, and neither does what
// it is accused of; what has been recorded stays.
TEST(Misissuance, AnAnchorThatWasRemovedIsNotAccused) {
  MisissuanceHome home;
  const auto key = testing::new_key(crypto::SignatureAlgorithm::kFalcon1024);
  auto next = home.fleet.make_anchor(key, home.fleet.root);
  next.holder = home.beta.info.node_id;
  trustchain::sign_anchor(next, home.fleet.root).value();
  ASSERT_EQ(run_approved(home.chain, AddAnchor{next}), "ok");
  const auto by_next = [&](const std::string& name) {
    return crypto::build_certificate(home.fields(name, 2), &next.certificate, key).value().der();
  };
  ASSERT_EQ(home.accuse(by_next("ghost")), "ok");
  ASSERT_EQ(run_approved(home.chain, RemoveAnchor{AnchorId{trustchain::id(home.fleet.anchor)}}),
            "ok");
  EXPECT_EQ(home.accuse(home.leaf("ghost", 2)), "trust.evidence_invalid");
  const auto records = trustchain::TrustState(home.chain.chain.state).authority_evidence().value();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].holder, home.beta.info.node_id);
}

// What a node makes of a leaf by itself: it refuses what is proven, and nothing that it may only
// have to catch up with.
TEST(Misissuance, ANodeRefusesWhatItsStateProves) {
  MisissuanceHome home;
  const auto read = [](const Bytes& der) { return crypto::Certificate::from_der(der).value(); };
  const auto standing = [&](const MemberSet& set, const Bytes& der) {
    return code(set.check_leaf(read(der), home.chain.now));
  };
  const MemberSet early = home.members();
  testing::Node gamma = home.fleet.make_node("gamma");
  ASSERT_EQ(home.chain.run(home.alpha, Register{home.fleet.admit(gamma)}), "ok");
  const MemberSet members = home.members();
  const Bytes newcomer = home.leaf("gamma", home.height());
  EXPECT_EQ(early.judge(read(newcomer)).value(), Issuance::kAhead);
  EXPECT_EQ(standing(early, newcomer), "ok");
  EXPECT_EQ(members.judge(read(newcomer)).value(), Issuance::kAuthorised);
  EXPECT_EQ(standing(members, newcomer), "ok");
  const Bytes ghost = home.leaf("ghost", 2);
  EXPECT_EQ(members.judge(read(ghost)).value(), Issuance::kUnauthorised);
  EXPECT_EQ(standing(members, ghost), "trust.leaf_untrusted");
  EXPECT_EQ(standing(members, home.leaf("ghost", std::nullopt)), "ok") << "says nothing";
  EXPECT_EQ(members.signer_of(read(ghost)),
            home.fleet.anchor.certificate.public_key().spki_sha256());
  // Records alone are no state.
  const MemberSet records = home.fleet.set(std::span<const Member>());
  EXPECT_EQ(records.judge(read(ghost)).value(), Issuance::kUnstated);
  EXPECT_EQ(records.height_for(home.fleet.alpha.info.node_id), 0U);
  EXPECT_EQ(records.height_for(home.beta.info.node_id), std::nullopt);
  EXPECT_EQ(members.height_for(home.beta.info.node_id), home.height());
  // One whose record has come, and that no block has admitted.
  const testing::Node delta = home.fleet.make_node("delta");
  const MemberSet grown = members.with(home.fleet.admit(delta)).value();
  EXPECT_NE(grown.find(delta.info.node_id), nullptr);
  EXPECT_EQ(grown.height_for(delta.info.node_id), std::nullopt);
}

TEST(Misissuance, EvidenceStandsAloneAndIsBounded) {
  MisissuanceHome home;
  const std::vector<Request> steps{RootExported{},
                                   AuthorityEvidence{.certificate = home.leaf("ghost", 2)}};
  Operation batch = home.chain.make(by_node(home.beta), steps);
  EXPECT_EQ(home.chain.run(std::move(batch), by_node(home.beta)), "fleet.operation_alone");
  EXPECT_EQ(code(trustchain::decode_trust_operation(
                trustchain::kAuthorityEvidence,
                encode(trustchain::TrustOperation(
                    AuthorityEvidence{.certificate = Bytes(trustchain::kMisissuedSizeMax + 1)})))),
            "fleet.operation_malformed");
  EXPECT_EQ(
      code(trustchain::decode_trust_operation(
          trustchain::kAuthorityEvidence, encode(trustchain::TrustOperation(AuthorityEvidence{})))),
      "fleet.operation_malformed");
}

}  // namespace
}  // namespace i2::fleet
