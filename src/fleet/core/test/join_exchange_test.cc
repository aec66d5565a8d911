// Joining by invite: tokens, messages, both state machines, and inviters that lie.
#include <i2/crypto/hash.h>
#include <i2/fleet/core/join_exchange.h>

#include "chain.h"

namespace i2::fleet {
namespace {

using testing::by_node;
using testing::by_operator;
using testing::code;
using testing::Fleet;
using testing::Invite;
using testing::kHour;
using testing::TestChain;

// A fleet with an anchor, an open invite, and what its first node shows in a handshake.
struct Inviting {
  explicit Inviting(const std::string& name = "home") : fleet(name, 1), chain(fleet) {
    chain.add_anchor();
    EXPECT_EQ(chain.run(by_operator(fleet.operator_1), chain.offer(invite)), "ok");
    const auto request = trustchain::make_leaf_request("alpha", name).value();
    leaf = fleet.issue(request.request, "alpha", chain.now);
    binding = encode(trustchain::make_binding(fleet.alpha.identity, fleet.alpha.info.node_id,
                                              leaf.public_key(), leaf.not_after())
                         .value());
  }

  [[nodiscard]] InviteToken token() const {
    const Bytes pkcs8 = to_bytes(invite.key.pkcs8().view());
    PeerHint hint{.node_id = fleet.alpha.info.node_id, .address = {}, .port = 9292};
    hint.address.back() = 1;
    return {.chain_id = chain.chain.head.chain_id,
            .root_fingerprint = root_fingerprint(fleet.root.public_key()),
            .peers = {hint},
            // RFC 8410 §7: the seed ends the PKCS #8 of an Ed25519 key.
            .seed = crypto::SecretBytes(to_bytes(ByteView(pkcs8).last(32))),
            .expiry = chain.now + kHour};
  }
  [[nodiscard]] MemberSet members() const {
    return MemberSet::from_state(chain.chain.state, chain.chain.head.height).value();
  }
  [[nodiscard]] Bytes offer() const {
    return JoinServer::offer(members(), fleet.alpha.identity.public_key(), binding);
  }

  Fleet fleet;
  TestChain chain;
  Invite invite;
  crypto::Certificate leaf;
  Bytes binding;
};

// Without the length.
ByteView record(const Bytes& message) {
  return ByteView(message).subspan(4);
}

struct Newcomer {
  Newcomer(const InviteToken& token, const std::string& name,
           trustchain::HybridKey keys = testing::new_pair())
      : identity(std::move(keys)),
        client(JoinClient::create({.token = token,
                                   .identity = identity,
                                   .leaf = trustchain::make_leaf_request(name, "home").value(),
                                   .name = name})
                   .value()) {}
  trustchain::HybridKey identity;
  JoinClient client;
};

// The sponsor's part: the operation, the certificate, the answer. The messages to the newcomer, or
// one that refuses.
std::vector<Bytes> serve(Inviting& home, ByteView request) {
  auto wanted = JoinServer::handle_request(request, home.chain.chain.state, home.chain.now);
  if (!wanted) {
    return {JoinServer::refuse(wanted.error())};
  }
  if (!wanted->admitted) {
    const auto ordered =
        home.chain.order({home.chain.sign(by_node(home.fleet.alpha), wanted->admit)});
    if (!ordered) {
      return {JoinServer::refuse(ordered.error())};
    }
  }
  const auto leaf =
      trustchain::issue_leaf(wanted->request, home.fleet.anchor, home.fleet.anchor_key,
                             {.node_name = wanted->admit.name,
                              .fleet_name = home.fleet.genesis.fleet_name,
                              .now = home.chain.now,
                              .serial = home.fleet.serial(),
                              .name_is_wish = true})
          .value();
  const BlockHeader& head = home.chain.chain.head;
  const auto point = sign_header(head, home.fleet.alpha.identity).value();
  std::vector<Bytes> out{
      JoinServer::accept({.name = wanted->admit.name,
                          .leaf = leaf.der(),
                          .epoch = sealing_epoch(home.chain.state(), head.height).value(),
                          .point = point,
                          .peers = home.token().peers})};
  const StateTree& state = home.chain.chain.state;
  SnapshotReader progress(state.root());
  while (!progress.complete()) {
    const Bytes chunk = encode_chunk(state, progress.offset(), 6000);
    EXPECT_TRUE(progress.add(chunk));
    out.push_back(encode(JoinChunk{.chunk = chunk}));
  }
  return out;
}

// "ok" or the first error of the client.
std::string feed(Newcomer& newcomer, const Inviting& home, const std::vector<Bytes>& messages) {
  for (const Bytes& message : messages) {
    const auto handled = newcomer.client.handle(record(message), home.leaf, home.chain.now);
    if (!handled) {
      return std::string(handled.error().code());
    }
  }
  return "ok";
}

std::string join(Inviting& home, Newcomer& newcomer) {
  const auto request = newcomer.client.handle(record(home.offer()), home.leaf, home.chain.now);
  if (!request) {
    return std::string(request.error().code());
  }
  return feed(newcomer, home, serve(home, record(**request)));
}

TEST(InviteToken, SurvivesBeingCopied) {
  const Inviting home;
  const InviteToken token = home.token();
  const std::string text = encode_token(token);
  EXPECT_TRUE(text.starts_with("i2join1_"));
  EXPECT_LT(text.size(), 300u);
  const auto decoded = decode_token(" " + text + "\r\n");
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->chain_id, token.chain_id);
  EXPECT_EQ(decoded->root_fingerprint, token.root_fingerprint);
  EXPECT_EQ(decoded->peers, token.peers);
  EXPECT_EQ(decoded->expiry, token.expiry);
  EXPECT_EQ(invite_id(invite_key(*decoded)->public_key()), home.invite.id());
}

TEST(InviteToken, EveryAlteredCharacterIsNoticed) {
  const Inviting home;
  const std::string text = encode_token(home.token());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] = altered[i] == 'a' ? 'b' : 'a';
    EXPECT_EQ(code(decode_token(altered)),
              i < kTokenPrefix.size() ? "trust.invite_malformed" : "trust.invite_altered")
        << i;
  }
  EXPECT_EQ(code(decode_token(text.substr(0, text.size() - 1))), "trust.invite_altered");
  EXPECT_EQ(code(decode_token(text.substr(0, 12))), "trust.invite_altered");
  EXPECT_EQ(code(decode_token("")), "trust.invite_malformed");
  EXPECT_EQ(code(decode_token("i2join2_abc")), "trust.invite_malformed");
  EXPECT_EQ(code(decode_token(text + std::string(2000, 'a'))), "trust.invite_malformed");
}

TEST(JoinExchange, MakesAMember) {
  Inviting home;
  Newcomer beta(home.token(), "beta");
  ASSERT_EQ(join(home, beta), "ok");
  const auto& joined = beta.client.result();
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->name, "beta");
  EXPECT_EQ(joined->leaf.subject_common_name(), "beta");
  EXPECT_EQ(joined->point.header, home.chain.chain.head);
  EXPECT_EQ(joined->state.root(), home.chain.chain.state.root());
  EXPECT_EQ(joined->peers, home.token().peers);
  EXPECT_EQ(chain_id(joined->genesis), home.chain.chain.head.chain_id);
  const auto members = home.members();
  ASSERT_NE(members.find("beta"), nullptr);
  EXPECT_EQ(members.find("beta")->identity, beta.identity.public_key());
}

TEST(JoinExchange, ATakenNameGetsANumber) {
  Inviting home;
  Newcomer second(home.token(), "alpha");
  ASSERT_EQ(join(home, second), "ok");
  EXPECT_EQ(second.client.result()->name, "alpha-2");
  EXPECT_EQ(second.client.result()->leaf.subject_common_name(), "alpha-2");
  const FleetState state(home.chain.chain.state);
  EXPECT_EQ(free_name(state, "alpha"), "alpha-3");
  EXPECT_EQ(free_name(state, "gamma"), "gamma");
}

TEST(JoinExchange, OfTwoNewcomersWithOneInviteOneJoins) {
  Inviting home;
  Newcomer beta(home.token(), "beta");
  Newcomer gamma(home.token(), "gamma");
  // Both have passed every check before the first admission is ordered.
  const auto first = beta.client.handle(record(home.offer()), home.leaf, home.chain.now).value();
  const auto second = gamma.client.handle(record(home.offer()), home.leaf, home.chain.now).value();
  const StateTree before = home.chain.chain.state;
  const auto late = JoinServer::handle_request(record(*second), before, home.chain.now).value();
  EXPECT_EQ(feed(beta, home, serve(home, record(*first))), "ok");
  EXPECT_EQ(home.chain.run(by_node(home.fleet.alpha), late.admit), "trust.invite_used");
  EXPECT_EQ(feed(gamma, home, serve(home, record(*second))), "trust.invite_used");
}

TEST(JoinExchange, TheReasonOfARefusalReachesTheNewcomer) {
  Inviting home;
  Newcomer expired(home.token(), "beta");
  home.chain.now += 2 * kHour;
  EXPECT_EQ(join(home, expired), "trust.invite_expired");

  Inviting revoking;
  ASSERT_EQ(revoking.chain.run(by_operator(revoking.fleet.operator_1),
                               RevokeInvite{revoking.invite.id()}),
            "ok");
  Newcomer revoked(revoking.token(), "beta");
  EXPECT_EQ(join(revoking, revoked), "trust.invite_revoked");

  InviteToken guessed = revoking.token();
  guessed.seed = crypto::SecretBytes(Bytes(32, 7));
  Newcomer unknown(guessed, "beta");
  EXPECT_EQ(join(revoking, unknown), "trust.invite_unknown");
}

TEST(JoinExchange, WhoGotNoAnswerAsksAgain) {
  Inviting home;
  Newcomer beta(home.token(), "beta");
  const auto request = beta.client.handle(record(home.offer()), home.leaf, home.chain.now).value();
  ASSERT_GT(serve(home, record(*request)).size(), 1u);  // and all of it is lost
  const std::uint64_t height = home.chain.chain.head.height;
  // The invite is used up, the name is taken: by itself.
  Newcomer again(home.token(), "beta", beta.identity);
  EXPECT_EQ(join(home, again), "ok");
  ASSERT_TRUE(again.client.result());
  EXPECT_EQ(again.client.result()->name, "beta");
  EXPECT_EQ(home.chain.chain.head.height, height) << "it was admitted twice";
  // Nobody else gets in that way.
  Newcomer gamma(home.token(), "gamma");
  EXPECT_EQ(join(home, gamma), "trust.invite_used");
}

TEST(JoinExchange, ALyingInviterHearsNothing) {
  const Inviting home;
  const Inviting other;  // the same name, other keys
  const auto asked = [&](const Bytes& offer, const crypto::Certificate& leaf) {
    Newcomer beta(home.token(), "beta");
    const auto answer = beta.client.handle(record(offer), leaf, home.chain.now);
    EXPECT_FALSE(answer) << "it told its request";
    return answer ? "ok" : std::string(answer.error().code());
  };
  // Another node, honest about itself.
  EXPECT_EQ(asked(other.offer(), other.leaf), "trust.join_server");
  // It claims the identity of the token's node but cannot bind its certificate to it.
  EXPECT_EQ(asked(JoinServer::offer(home.members(), home.fleet.alpha.identity.public_key(),
                                    other.binding),
                  other.leaf),
            "trust.join_server");
  EXPECT_EQ(asked(home.offer(), other.leaf), "trust.join_server");
  EXPECT_EQ(asked(home.offer(), {}), "trust.join_server");
  // The right node, another fleet's genesis.
  EXPECT_EQ(asked(JoinServer::offer(other.members(), home.fleet.alpha.identity.public_key(),
                                    home.binding),
                  home.leaf),
            "trust.join_foreign");
  // Anchors that the root has not signed.
  auto message = std::get<JoinOffer>(decode_join_message(record(home.offer())).value());
  message.anchors = {other.fleet.anchor};
  EXPECT_EQ(asked(encode(JoinMessage(message)), home.leaf), "trust.join_foreign");
  // No anchors: its own certificate is nobody's.
  message.anchors = {};
  EXPECT_EQ(asked(encode(JoinMessage(message)), home.leaf), "trust.join_server");
  // It talks before it has shown who it is.
  EXPECT_EQ(asked(JoinServer::refuse(Error("trust.invite_used", "used")), home.leaf),
            "trust.join_server");
  EXPECT_EQ(asked(JoinServer::chunk(home.chain.chain.state, 0), home.leaf), "trust.join_malformed");
  // The token's own words are compared, not only the node.
  InviteToken wrong_root = home.token();
  wrong_root.root_fingerprint[0] ^= 1;
  Newcomer beta(wrong_root, "beta");
  EXPECT_EQ(code(beta.client.handle(record(home.offer()), home.leaf, home.chain.now)),
            "trust.join_foreign");
}

TEST(JoinExchange, AnAnswerNeedsTheKeysOfTheFleet) {
  Inviting home;
  const auto refused = [&](auto change) {
    Inviting fresh;
    Newcomer beta(fresh.token(), "beta");
    const auto request =
        beta.client.handle(record(fresh.offer()), fresh.leaf, fresh.chain.now).value();
    std::vector<Bytes> messages = serve(fresh, record(*request));
    auto accepted = std::get<JoinAccepted>(decode_join_message(record(messages[0])).value());
    change(accepted, messages, fresh);
    messages[0] = encode(JoinMessage(accepted));
    return feed(beta, fresh, messages);
  };
  using Messages = std::vector<Bytes>;
  EXPECT_EQ(refused([](JoinAccepted&, Messages&, Inviting&) {}), "ok");
  EXPECT_EQ(refused([](JoinAccepted& a, Messages&, Inviting&) { a.name = "gamma"; }),
            "trust.join_answer");
  EXPECT_EQ(refused([](JoinAccepted& a, Messages&, Inviting& f) { a.leaf = f.leaf.der(); }),
            "trust.join_answer");
  EXPECT_EQ(refused([](JoinAccepted& a, Messages&, Inviting&) { a.point.header.height += 1; }),
            "trust.join_answer");
  EXPECT_EQ(refused([](JoinAccepted& a, Messages&, Inviting& f) {
              a.point = sign_header(a.point.header, f.fleet.operator_1).value();
            }),
            "trust.join_answer");
  EXPECT_EQ(refused([](JoinAccepted&, Messages& m, Inviting&) { std::swap(m[1], m[2]); }),
            "fleet.snapshot_invalid");
  // A state from before the admission, although signed: the newcomer is not in it.
  EXPECT_EQ(
      refused([](JoinAccepted& a, Messages& m, Inviting& f) {
        TestChain chain(f.fleet);
        const Block block =
            chain.order({chain.sign(by_node(f.fleet.alpha), AddAnchor{f.fleet.anchor})}).value();
        a.epoch = first_epoch(f.fleet.genesis);
        a.point = sign_header(block.header, f.fleet.alpha.identity).value();
        m.resize(1);
        SnapshotReader progress(chain.chain.state.root());
        while (!progress.complete()) {
          const Bytes chunk = encode_chunk(chain.chain.state, progress.offset());
          EXPECT_TRUE(progress.add(chunk));
          m.push_back(encode(JoinChunk{.chunk = chunk}));
        }
      }),
      "trust.join_answer");
  // Everything again: nothing is taken after the end.
  Newcomer gamma(home.token(), "gamma");
  ASSERT_EQ(join(home, gamma), "ok");
  EXPECT_EQ(feed(gamma, home, {JoinServer::chunk(home.chain.chain.state, 0)}),
            "trust.join_malformed");
}

TEST(JoinExchange, AServerChecksARequestBeforeItIsOrdered) {
  const Inviting home;
  Newcomer beta(home.token(), "beta");
  const Bytes request =
      beta.client.handle(record(home.offer()), home.leaf, home.chain.now).value().value();
  const auto served = [&](auto change) {
    auto message = std::get<JoinRequest>(decode_join_message(record(request)).value());
    change(message);
    return code(JoinServer::handle_request(record(encode(JoinMessage(message))),
                                           home.chain.chain.state, home.chain.now));
  };
  EXPECT_EQ(served([](JoinRequest&) {}), "ok");
  EXPECT_EQ(served([](JoinRequest& r) { r.certificate_request.push_back(0); }), "trust.join_proof");
  EXPECT_EQ(served([](JoinRequest& r) { r.proof.request_sha256[0] ^= 1; }), "trust.join_proof");
  EXPECT_EQ(served([](JoinRequest& r) { r.proof.identity_signature.ed25519[0] ^= 1; }),
            "trust.join_proof");
  EXPECT_EQ(served([](JoinRequest& r) { r.name = "Not A Name"; }), "trust.join_malformed");
  EXPECT_EQ(code(JoinServer::handle_request(record(home.offer()), home.chain.chain.state,
                                            home.chain.now)),
            "trust.join_malformed");
}

TEST(JoinFramer, CutsAnyStream) {
  const Inviting home;
  const Bytes one = home.offer();
  const Bytes two = JoinServer::refuse(Error("trust.invite_used", "used"));
  Bytes stream = one;
  append(stream, two);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, stream.size()}) {
    JoinFramer framer(kJoinMessageMax);
    std::vector<Bytes> got;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      framer.feed(ByteView(stream).subspan(at, std::min(step, stream.size() - at)));
      for (auto next = framer.next(); next && *next; next = framer.next()) {
        got.push_back(**next);
      }
    }
    ASSERT_EQ(got.size(), 2u);
    EXPECT_TRUE(equal(got[0], record(one)));
    EXPECT_TRUE(equal(got[1], record(two)));
    EXPECT_TRUE(framer.empty());
  }
  JoinFramer small(100);
  small.feed(one);
  EXPECT_EQ(code(small.next()), "trust.join_malformed");
}

}  // namespace
}  // namespace i2::fleet
