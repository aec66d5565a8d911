// How a member becomes an authority.
#include <gtest/gtest.h>
#include <i2/fleet/core/authority_grant.h>

#include "fleet.h"

namespace i2::fleet {
namespace {

using crypto::SignatureAlgorithm;
using testing::code;
using testing::kHour;
using testing::kNow;
using testing::new_key;

constexpr UnixMillis kDay = 24 * kHour;

Bytes next_grant_serial() {
  static std::uint8_t count = 0;
  Bytes out(16, 0x31);
  out.back() = ++count;
  return out;
}

struct Asking {
  testing::Fleet home{"home", 1};
  testing::Node beta = home.make_node("beta");
  crypto::PrivateKey anchor_key = new_key(SignatureAlgorithm::kFalcon1024);
  crypto::PrivateKey ordinary_key = new_key(SignatureAlgorithm::kEcdsaP256);

  [[nodiscard]] AuthorityRequest request(UnixMillis now = kNow) const {
    AuthorityRequest out;
    out.chain_id = chain_id(home.genesis);
    out.anchor =
        trustchain::make_anchor_certificate(anchor_key, now, now + 365 * kDay, next_grant_serial())
            .value();
    out.ordinary = crypto::CertificateRequest::create(ordinary_key, "i2 issuer").value();
    sign_request(out, beta.identity).value();
    return out;
  }
  [[nodiscard]] RootKeys root() const {
    return {.pair = home.root,
            .ecdsa = home.root_ecdsa,
            .certificate = trustchain::make_ordinary_authority(home.root_ecdsa, "home", kNow,
                                                               next_grant_serial)
                               .value()
                               .root};
  }
  [[nodiscard]] Result<AuthorityGrant> grant(const AuthorityRequest& asked) const {
    return make_grant(asked, home.genesis, root(), kNow, next_grant_serial);
  }
  [[nodiscard]] std::string verdict(const AuthorityGrant& given) const {
    return code(verify_grant(given, home.genesis, beta.info.node_id, anchor_key.public_key(),
                             ordinary_key.public_key()));
  }
};

TEST(AuthorityGrant, WhatIsGrantedIssuesForMembersAndForOrdinaryClients) {
  const Asking asking;
  const Bytes sent = encode(asking.request());
  const auto request = decode_authority_request(sent).value();
  EXPECT_EQ(encode(request), sent);
  const auto made = asking.grant(request).value();
  const auto grant = decode_authority_grant(encode(made)).value();
  EXPECT_EQ(encode(grant), encode(made));
  EXPECT_EQ(asking.verdict(grant), "ok");
  EXPECT_EQ(grant.anchor.holder, asking.beta.info.node_id);
  EXPECT_EQ(grant.anchor.not_before, kNow);
  EXPECT_EQ(grant.anchor.not_after, kNow + 365 * kDay);

  const auto set = asking.home.set({}).with(grant.anchor).value();
  const auto wanted = trustchain::make_leaf_request("alpha", "home").value();
  const auto leaf = trustchain::issue_leaf(wanted.request, grant.anchor, asking.anchor_key,
                                           {.node_name = "alpha",
                                            .fleet_name = "home",
                                            .now = kNow + kHour,
                                            .serial = next_grant_serial()})
                        .value();
  EXPECT_EQ(set.check_leaf(leaf, kNow + kHour).value(), ports::LeafStanding::kValid);

  const trustchain::OrdinaryAuthority authority{
      .key = asking.ordinary_key, .certificate = grant.ordinary, .root = grant.ordinary_root};
  const auto asked = trustchain::make_ordinary_request("alpha").value();
  const auto application = trustchain::application_for(
      asked.request, trustchain::OrdinaryTerms{.node_name = "alpha",
                                               .fleet_name = "home",
                                               .more_names = {},
                                               .ip_addresses = {},
                                               .now = kNow + kHour,
                                               .serial = next_grant_serial()});
  const auto shown =
      trustchain::issue(asked.request, issuer_of(authority), application.value()).value();
  const crypto::Certificate chain[] = {grant.ordinary, grant.ordinary_root};
  EXPECT_EQ(
      code(trustchain::check_ordinary(shown, chain, asking.home.genesis.root_ecdsa, kNow + kHour)),
      "ok");
}

TEST(AuthorityGrant, ARequestIsByWhomItNamesAndByWhoeverHasTheKeys) {
  const Asking asking;
  const AuthorityRequest good = asking.request();
  AuthorityRequest stolen = good;
  stolen.identity = asking.home.alpha.identity.public_key();
  EXPECT_EQ(code(decode_authority_request(encode(stolen))), "fleet.authority_request_invalid");
  // A certificate that another key signed.
  Asking borrower;
  AuthorityRequest borrowed = good;
  borrowed.anchor = borrower.home.issue(
      trustchain::make_leaf_request("beta", "home").value().request, "beta", kNow);
  sign_request(borrowed, asking.beta.identity).value();
  EXPECT_EQ(code(decode_authority_request(encode(borrowed))), "fleet.authority_request_invalid");
  AuthorityRequest weak = good;
  weak.ordinary =
      crypto::CertificateRequest::create(new_key(SignatureAlgorithm::kEd25519), "x").value();
  sign_request(weak, asking.beta.identity).value();
  EXPECT_EQ(code(decode_authority_request(encode(weak))), "fleet.authority_request_invalid");
  const Bytes whole = encode(good);
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    EXPECT_EQ(code(decode_authority_request(ByteView(whole).first(size))),
              "fleet.authority_request_invalid");
  }
}

TEST(AuthorityGrant, TheRootGrantsToItsOwnFleetAndTime) {
  const Asking asking;
  AuthorityRequest foreign = asking.request();
  foreign.chain_id.bytes[0] ^= 1;
  EXPECT_EQ(code(asking.grant(foreign)), "fleet.authority_request_invalid");
  EXPECT_EQ(code(asking.grant(asking.request(kNow - 366 * kDay))),
            "fleet.authority_request_invalid");
  RootKeys other = asking.root();
  other.pair = testing::new_pair();
  EXPECT_EQ(code(make_grant(asking.request(), asking.home.genesis, other, kNow, next_grant_serial)),
            "fleet.root_absent");
}

TEST(AuthorityGrant, AGrantIsForOneNodeAndItsKeys) {
  const Asking asking;
  const AuthorityGrant good = asking.grant(asking.request()).value();
  EXPECT_EQ(code(verify_grant(good, asking.home.genesis, asking.home.alpha.info.node_id,
                              asking.anchor_key.public_key(), asking.ordinary_key.public_key())),
            "fleet.authority_grant_invalid");
  EXPECT_EQ(
      code(verify_grant(good, asking.home.genesis, asking.beta.info.node_id,
                        asking.home.anchor_key.public_key(), asking.ordinary_key.public_key())),
      "fleet.authority_grant_invalid");
  AuthorityGrant longer = good;
  longer.anchor.not_after += kDay;
  EXPECT_EQ(asking.verdict(longer), "fleet.authority_grant_invalid");
  AuthorityGrant elsewhere = good;
  elsewhere.ordinary_root =
      trustchain::make_ordinary_authority(new_key(SignatureAlgorithm::kEcdsaP256), "home", kNow,
                                          next_grant_serial)
          .value()
          .root;
  EXPECT_EQ(asking.verdict(elsewhere), "fleet.authority_grant_invalid");
  const Bytes whole = encode(good);
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    EXPECT_EQ(code(decode_authority_grant(ByteView(whole).first(size))),
              "fleet.authority_grant_invalid");
  }
}

}  // namespace
}  // namespace i2::fleet
