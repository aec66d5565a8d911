// The steps of issuing, and what lint finds in certificates that came another way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/lint.h>
#include <i2/trustchain/core/ordinary.h>

#include "keys.h"

namespace i2::trustchain {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kHour;
using testing::kNow;
using testing::serial;

Bytes serial_of_authority() {
  return serial(0x77);
}

const crypto::PrivateKey& authority_root_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return key;
}

// The ordinary intermediate of the fleet "home", which publishes.
const Issuer& publisher() {
  static const Issuer made = [] {
    Issuer out = issuer_of(
        make_ordinary_authority(authority_root_key(), "home", kNow, serial_of_authority).value());
    out.policies = {"2.23.140.1.2.1"};
    out.ocsp_urls = {"http://ca.home.i2.internal/ocsp"};
    out.issuer_urls = {"http://ca.home.i2.internal/issuer.der"};
    return out;
  }();
  return made;
}

const crypto::PrivateKey& server_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return key;
}

crypto::CertificateRequest server_request() {
  return crypto::CertificateRequest::create(server_key(), "web.example", {"web.example"}).value();
}

Application server_application() {
  return {.profile = Profile::kServer,
          .applicant = {.role = Requester::kAccount, .suffixes = {"web.example"}},
          .requester = "account 7",
          .common_name = "web.example",
          .dns_names = {"web.example", "*.web.example"},
          .ip_addresses = {},
          .now = kNow,
          .serial = serial(9),
          .crl_url = "http://ca.home.i2.internal/crl/3",
          .logged = true};
}

template <class T>
std::string code_of_step(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

TEST(Intent, SaysWhatWillBeMade) {
  const Intent intent = decide(server_request(), publisher(), server_application()).value();
  EXPECT_EQ(intent.profile, Profile::kServer);
  EXPECT_TRUE(intent.logged);
  EXPECT_EQ(intent.serial, serial(9));
  EXPECT_THAT(intent.dns_names, ElementsAre("web.example", "*.web.example"));
  EXPECT_EQ(intent.key_hash, server_key().public_key().spki_sha256());
  EXPECT_EQ(intent.issuer_key_hash, publisher().key.public_key().spki_sha256());
  EXPECT_EQ(intent.not_before, kNow - kLeafBackdateMs);
  EXPECT_EQ(intent.not_after, intent.not_before + 24 * kHour);
  EXPECT_EQ(intent.requester, "account 7");
  EXPECT_EQ(intent.decided_at, kNow);
  Application brief = server_application();
  brief.life_ms = kHour;
  const Intent short_one = decide(server_request(), publisher(), brief).value();
  EXPECT_EQ(short_one.not_after, short_one.not_before + kHour);
  brief.life_ms = 25 * kHour;
  EXPECT_EQ(code_of_step(decide(server_request(), publisher(), brief)), "trust.request_life");
}

TEST(Intent, SurvivesItsEncoding) {
  const Intent intent = decide(server_request(), publisher(), server_application()).value();
  const Bytes encoding = encode(intent);
  const auto decoded = decode_intent(encoding);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, intent);
  EXPECT_EQ(encode(*decoded), encoding);
  EXPECT_EQ(id(*decoded), id(intent));
  Intent other = intent;
  other.serial.back() ^= 1;
  EXPECT_NE(id(other), id(intent));
  for (std::size_t size = 0; size < encoding.size(); size += 1 + size / 16) {
    EXPECT_EQ(code_of_step(decode_intent(ByteView(encoding).first(size))), "trust.intent_invalid");
  }
  Bytes unknown = encoding;
  unknown[4] = 99;  // the profile
  EXPECT_EQ(code_of_step(decode_intent(unknown)), "trust.intent_invalid");
}

TEST(Intent, StatesAHeightForMembersOnly) {
  Application wish = server_application();
  wish.state_height = 7;
  EXPECT_EQ(decide(server_request(), publisher(), wish).value().state_height, std::nullopt);

  // Those of before have the encoding that they had.
  Intent intent = decide(server_request(), publisher(), server_application()).value();
  const Bytes without = encode(intent);
  EXPECT_EQ(without[3], 1);
  EXPECT_EQ(decode_intent(without).value().state_height, std::nullopt);
  for (const std::uint64_t height : {std::uint64_t{0}, std::uint64_t{7}, UINT64_MAX}) {
    intent.state_height = height;
    const Bytes encoding = encode(intent);
    EXPECT_EQ(encoding[3], 2);
    EXPECT_EQ(encoding.size(), without.size() + 8);
    const Intent decoded = decode_intent(encoding).value();
    EXPECT_EQ(decoded, intent);
    EXPECT_EQ(id(decoded), id(intent));
    EXPECT_EQ(code_of_step(decode_intent(ByteView(encoding).first(encoding.size() - 8))),
              "trust.intent_invalid");
  }
  // Who stated one all the same is stopped before the signature.
  EXPECT_EQ(code_of_step(prepare(intent, server_key().public_key(), publisher())), "trust.lint");
}

TEST(Issuance, GoesFromPrecertificateToCertificate) {
  const Intent intent = decide(server_request(), publisher(), server_application()).value();
  const auto prepared = prepare(intent, server_key().public_key(), publisher()).value();
  const auto precertificate = sign(prepared, publisher()).value();
  EXPECT_EQ(precertificate.tbs(), prepared.tbs());
  EXPECT_TRUE(precertificate.fields().precertificate);
  const std::vector<Bytes> scts = {Bytes(127, 0x5a)};
  const auto made = complete(intent, precertificate, scts, publisher()).value();
  EXPECT_EQ(made.fields().scts, scts);
  EXPECT_EQ(crypto::precertificate_entry(made, publisher().certificate).value(),
            crypto::precertificate_entry(precertificate, publisher().certificate).value());
  EXPECT_TRUE(crypto::verify_certificate(made, std::span(&publisher().certificate, 1), kNow));
  EXPECT_EQ(made.serial(), serial(9));
  EXPECT_THAT(made.fields().crl_urls, ElementsAre("http://ca.home.i2.internal/crl/3"));
  EXPECT_THAT(made.fields().ocsp_urls, ElementsAre("http://ca.home.i2.internal/ocsp"));
  EXPECT_THAT(made.fields().policies, ElementsAre("2.23.140.1.2.1"));
  // The same intent means the same bytes, after a crash too.
  const Intent stored = decode_intent(encode(intent)).value();
  EXPECT_EQ(prepare(stored, server_key().public_key(), publisher()).value().tbs(), prepared.tbs());
}

TEST(Issuance, ASerialMayBeginWithZeros) {
  Application wish = server_application();
  wish.serial = serial(9);
  wish.serial.front() = 0;
  const Intent intent = decide(server_request(), publisher(), wish).value();
  const auto made =
      sign(prepare(intent, server_key().public_key(), publisher()).value(), publisher()).value();
  EXPECT_EQ(made.serial(), Bytes(wish.serial.begin() + 1, wish.serial.end()));
}

TEST(Issuance, StepsRefuseWhatIsNotTheIntents) {
  const Intent intent = decide(server_request(), publisher(), server_application()).value();
  const auto precertificate =
      sign(prepare(intent, server_key().public_key(), publisher()).value(), publisher()).value();
  const std::vector<Bytes> scts = {Bytes(127, 0x5a)};
  EXPECT_EQ(code_of_step(prepare(intent, publisher().key.public_key(), publisher())),
            "trust.intent_invalid");
  Issuer stranger = publisher();
  stranger.certificate =
      make_ordinary_authority(authority_root_key(), "home", kNow, serial_of_authority)
          .value()
          .certificate;
  EXPECT_EQ(code_of_step(prepare(intent, server_key().public_key(), stranger)),
            "trust.intent_invalid");
  Intent other = intent;
  other.serial = serial(10);
  EXPECT_EQ(code_of_step(complete(other, precertificate, scts, publisher())),
            "trust.intent_invalid");
  // A logged certificate without SCTs.
  EXPECT_EQ(code_of_step(complete(intent, precertificate, {}, publisher())), "trust.lint");
  // Not by the one-step way either.
  EXPECT_EQ(code_of_step(issue(server_request(), publisher(), server_application())),
            "trust.intent_invalid");
}

TEST(Issuance, LintStopsWhatPolicyDoesNotSee) {
  Application bad = server_application();
  bad.serial = {1, 2, 3};
  const auto weak = decide(server_request(), publisher(), bad);
  const auto refused = prepare(*weak, server_key().public_key(), publisher());
  EXPECT_EQ(code_of_step(refused), "trust.lint");
  EXPECT_NE(refused.error().message().find("serial"), std::string::npos);
  bad = server_application();
  bad.common_name = "elsewhere.example";
  EXPECT_EQ(code_of_step(prepare(decide(server_request(), publisher(), bad).value(),
                                 server_key().public_key(), publisher())),
            "trust.lint");
}

TEST(Issuance, ChecksPossessionAndTime) {
  Bytes der = server_request().der();
  der.back() ^= 1;
  const auto forged = crypto::CertificateRequest::from_der(der);
  ASSERT_TRUE(forged);
  EXPECT_EQ(code_of_step(decide(*forged, publisher(), server_application())),
            "trust.request_possession");
  Application late = server_application();
  late.now = publisher().not_after;
  EXPECT_EQ(code_of_step(decide(server_request(), publisher(), late)), "trust.anchor_not_valid");
  late.now = publisher().not_after - kHour;
  EXPECT_EQ(decide(server_request(), publisher(), late).value().not_after, publisher().not_after);
}

// --- lint ----------------------------------------------------------------------------------------

crypto::CertificateFields good_fields() {
  const crypto::Certificate& issuer = publisher().certificate;
  return {.subject_key = server_key().public_key(),
          .common_name = "web.example",
          .dns_names = {"web.example"},
          .not_before = issuer.not_before(),
          .not_after = issuer.not_before() + 24 * kHour,
          .purposes = {crypto::KeyPurpose::kServerAuth},
          .serial = serial(1)};
}

std::vector<std::string> rules(const crypto::CertificateFields& fields,
                               const LintTarget& target = {.profile = Profile::kServer}) {
  const crypto::Certificate& issuer = publisher().certificate;
  std::vector<std::string> out;
  for (const Finding& one :
       lint(crypto::prepare_certificate(fields, &issuer).value(), issuer, target)) {
    out.emplace_back(one.rule);
  }
  return out;
}

template <class Change>
std::vector<std::string> rules_after(Change change) {
  crypto::CertificateFields fields = good_fields();
  change(fields);
  return rules(fields);
}

TEST(Lint, FindsNothingInAGoodCertificate) {
  EXPECT_THAT(rules(good_fields()), IsEmpty());
}

TEST(Lint, FindsEachMistake) {
  using Fields = crypto::CertificateFields;
  EXPECT_THAT(rules_after([](Fields& f) { f.serial = Bytes(7, 0x12); }), ElementsAre("serial"));
  EXPECT_THAT(rules_after([](Fields& f) { f.serial = Bytes(16, 0x12); }), ElementsAre("serial"));
  EXPECT_THAT(rules_after([](Fields& f) { f.not_after = f.not_before; }), ElementsAre("validity"));
  EXPECT_THAT(rules_after([](Fields& f) { f.not_after += 1000; }), ElementsAre("validity"));
  EXPECT_THAT(rules_after([](Fields& f) { f.not_before -= 1000; }),
              ElementsAre("validity", "validity"));
  EXPECT_THAT(rules_after([](Fields& f) { f.common_name = "other.example"; }),
              ElementsAre("subject"));
  EXPECT_THAT(rules_after([](Fields& f) { f.common_name = "web"; }), ElementsAre("subject"));
  EXPECT_THAT(rules_after([](Fields& f) { f.dns_names.clear(); }), ElementsAre("subject", "names"));
  EXPECT_THAT(rules_after([](Fields& f) { f.dns_names.emplace_back("web.example"); }),
              ElementsAre("names"));
  EXPECT_THAT(rules_after([](Fields& f) { f.dns_names.emplace_back("A.example"); }),
              ElementsAre("names"));
  EXPECT_THAT(rules_after([](Fields& f) { f.dns_names.emplace_back("*.com"); }),
              ElementsAre("names"));
  EXPECT_THAT(rules_after([](Fields& f) { f.subject_key = testing::anchor_key().public_key(); }),
              ElementsAre("key"));
  EXPECT_THAT(rules_after([](Fields& f) { f.purposes.clear(); }), ElementsAre("usage"));
  EXPECT_THAT(rules_after([](Fields& f) { f.purposes.push_back(crypto::KeyPurpose::kClientAuth); }),
              ElementsAre("usage"));
  EXPECT_THAT(rules_after([](Fields& f) { f.ca = true; }), ElementsAre("usage", "usage", "usage"));
  EXPECT_THAT(rules_after([](Fields& f) { f.precertificate = true; }), ElementsAre("transparency"));
  EXPECT_THAT(rules_after([](Fields& f) { f.scts = {Bytes(127, 1)}; }),
              ElementsAre("transparency"));
  EXPECT_THAT(rules_after([](Fields& f) { f.state_height = 7; }),
              ElementsAre("state_height", "state_height"));
  EXPECT_THAT(rules_after([](Fields& f) {
                f.crl_urls = std::vector<std::string>(40, std::string(1000, 'u'));
              }),
              ElementsAre("encoding"));
}

TEST(Lint, KnowsTheFormAndTheConstraints) {
  crypto::CertificateFields fields = good_fields();
  EXPECT_THAT(rules(fields, {.profile = Profile::kServer, .form = Form::kPrecertificate}),
              ElementsAre("transparency"));
  EXPECT_THAT(rules(fields, {.profile = Profile::kServer, .form = Form::kLogged}),
              ElementsAre("transparency"));
  fields.scts = {Bytes(127, 1)};
  EXPECT_THAT(rules(fields, {.profile = Profile::kServer, .form = Form::kLogged}), IsEmpty());
  EXPECT_THAT(rules(good_fields(), {.profile = Profile::kServer, .state_height = 7}),
              ElementsAre("state_height"));
  EXPECT_THAT(rules(good_fields(), {.profile = Profile::kServer,
                                    .constraints = {.permitted_dns = {"other.example"}}}),
              ElementsAre("constraints"));
}

TEST(Lint, ReadsTheConstraintsOfTheIssuer) {
  const crypto::Certificate& parent = publisher().certificate;
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const auto issuer =
      crypto::build_certificate({.subject_key = key.public_key(),
                                 .common_name = "constrained",
                                 .not_before = parent.not_before(),
                                 .not_after = parent.not_after(),
                                 .ca = true,
                                 .name_constraints = {.permitted_dns = {"home.i2.internal"}},
                                 .serial = serial(3)},
                                nullptr, key)
          .value();
  const auto leaf = crypto::prepare_certificate(good_fields(), &issuer).value();
  EXPECT_THAT(lint(leaf, issuer, {.profile = Profile::kServer}),
              ElementsAre(Finding{.rule = "constraints",
                                  .detail = "'web.example' is not what the issuer may certify"}));
  // And the wrong issuer altogether.
  std::vector<std::string_view> found;
  for (const Finding& one : lint(leaf, parent, {.profile = Profile::kServer})) {
    found.push_back(one.rule);
  }
  EXPECT_THAT(found, ElementsAre("issuer", "issuer", "encoding"));
}

TEST(Lint, WantsWhatThereIs) {
  EXPECT_THAT(lint({}, publisher().certificate, {}), ::testing::SizeIs(1));
}

}  // namespace
}  // namespace i2::trustchain
