#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/fleet/core/join_exchange.h>

#include <algorithm>
#include <format>

namespace i2::fleet {
namespace {

std::unexpected<Error> wrong_server(std::string why) {
  return fail("trust.join_server",
              "the node that answered is not one that the token names: " + std::move(why));
}
std::unexpected<Error> foreign(std::string why) {
  return fail("trust.join_foreign",
              "the node that answered belongs to another fleet than the token: " + std::move(why));
}
std::unexpected<Error> bad_answer(std::string why) {
  return fail("trust.join_answer",
              "the fleet's keys do not vouch for the answer: " + std::move(why));
}

// What a server may report; a peer cannot make up codes of ours that mean something else here.
Error refusal(const JoinRefused& message) {
  if (auto reported = Error::reported(message.code, message.message)) {
    return *std::move(reported);
  }
  return {"stoq.remote_error", "the fleet refused: " + message.message};
}

}  // namespace

JoinClient::JoinClient(Options&& options, crypto::PrivateKey invite_key)
    : chain_id_(options.token.chain_id),
      root_fingerprint_(options.token.root_fingerprint),
      inviters_(options.token.peers),
      identity_(std::move(options.identity)),
      leaf_(std::move(options.leaf)),
      name_(std::move(options.name)),
      invite_key_(std::move(invite_key)) {}

Result<JoinClient> JoinClient::create(Options options) {
  I2_TRY_VALUE(auto key, fleet::invite_key(options.token));
  return JoinClient(std::move(options), std::move(key));
}

Result<std::optional<Bytes>> JoinClient::handle(ByteView record,
                                                const crypto::Certificate& server_leaf,
                                                UnixMillis now) {
  const Expect expected = std::exchange(expect_, Expect::kNothing);
  I2_TRY_VALUE(auto message, decode_join_message(record));
  if (const auto* refused = std::get_if<JoinRefused>(&message)) {
    // Before it has shown who it is, its reasons are hearsay.
    return expected == Expect::kOffer ? Result<std::optional<Bytes>>(wrong_server("it refuses"))
                                      : fail(refusal(*refused));
  }
  if (auto* offer = std::get_if<JoinOffer>(&message); offer && expected == Expect::kOffer) {
    I2_TRY_VALUE(auto request, take(std::move(*offer), server_leaf, now));
    expect_ = Expect::kAnswer;
    return std::optional(std::move(request));
  }
  if (auto* link = std::get_if<JoinLink>(&message); link && expected == Expect::kAnswer) {
    I2_TRY(take(std::move(*link)));
    expect_ = Expect::kAnswer;
    return std::nullopt;
  }
  if (auto* accepted = std::get_if<JoinAccepted>(&message);
      accepted && expected == Expect::kAnswer) {
    I2_TRY(take(std::move(*accepted), now));
    expect_ = Expect::kState;
    return std::nullopt;
  }
  if (const auto* chunk = std::get_if<JoinChunk>(&message); chunk && expected == Expect::kState) {
    I2_TRY(take(*chunk, now));
    expect_ = joined_ ? Expect::kNothing : Expect::kState;
    return std::nullopt;
  }
  return fail("trust.join_malformed",
              "the other side broke the rules of joining: a message out of turn");
}

Result<Bytes> JoinClient::take(JoinOffer offer, const crypto::Certificate& server_leaf,
                               UnixMillis now) {
  const NodeId server = trustchain::node_id(offer.identity);
  if (!std::ranges::contains(inviters_, server, &PeerHint::node_id)) {
    return wrong_server("it is node " + server.hex());
  }
  if (chain_id(offer.genesis) != chain_id_) {
    return foreign("chain id " + chain_id(offer.genesis).hex());
  }
  if (fleet::root_fingerprint(offer.genesis.root) != root_fingerprint_) {
    return foreign("its root has another fingerprint");
  }
  const auto binding = trustchain::decode_binding(offer.binding);
  if (!binding || !server_leaf) {
    return wrong_server("it does not bind its certificate to its identity");
  }
  if (const auto bound = trustchain::verify_binding(*binding, server, offer.identity,
                                                    server_leaf.public_key(), now);
      !bound) {
    return wrong_server(bound.error().message());
  }
  auto set = MemberSet::create(std::move(offer.genesis), offer.anchors, {});
  if (!set) {
    return foreign(set.error().message());
  }
  if (const auto leaf = set->check_leaf(server_leaf, now); !leaf) {
    return wrong_server(leaf.error().message());
  }
  offered_ = *std::move(set);
  authority_ = Authority::of(offered_->genesis());
  const Bytes certificate_request = leaf_.request.der();
  I2_TRY_VALUE(auto proof, make_join_proof(chain_id_, identity_, certificate_request, invite_key_));
  return encode(JoinRequest{
      .proof = std::move(proof), .certificate_request = certificate_request, .name = name_});
}

Result<void> JoinClient::take(JoinLink message) {
  auto next = authority_->after(message.link);
  if (!next) {
    return bad_answer(next.error().message());
  }
  authority_ = *std::move(next);
  links_.push_back(std::move(message.link));
  return {};
}

Result<void> JoinClient::take(JoinAccepted accepted, UnixMillis now) {
  auto leaf = crypto::Certificate::from_der(accepted.leaf);
  if (!leaf || !equal(leaf->public_key().spki(), leaf_.key.public_key().spki()) ||
      leaf->subject_common_name() != accepted.name) {
    return bad_answer("the certificate is not for this key and name");
  }
  const auto standing = offered_->check_leaf(*leaf, now);
  if (!standing || *standing != ports::LeafStanding::kValid) {
    return bad_answer(standing ? "the certificate has expired: compare the clocks"
                               : standing.error().message());
  }
  const auto authority = authority_->in(accepted.epoch);
  if (!authority || accepted.point.header.chain_id != chain_id_) {
    return bad_answer("its validators are not those of the fleet");
  }
  if (const auto sealed = authority->verify(accepted.point); !sealed) {
    return bad_answer(sealed.error().message());
  }
  reader_.emplace(accepted.point.header.state);
  incoming_ = Joined{.genesis = offered_->genesis(),
                     .name = std::move(accepted.name),
                     .leaf = *std::move(leaf),
                     .links = std::exchange(links_, {}),
                     .point = std::move(accepted.point),
                     .state = {},
                     .peers = std::move(accepted.peers)};
  return {};
}

Result<void> JoinClient::take(const JoinChunk& chunk, UnixMillis now) {
  I2_TRY(reader_->add(chunk.chunk));
  if (!reader_->complete()) {
    return {};
  }
  incoming_->state = reader_->tree();
  return finish(now);
}

Result<void> JoinClient::finish(UnixMillis now) {
  auto members = MemberSet::from_state(incoming_->state, incoming_->point.header.height);
  if (!members) {
    return bad_answer(members.error().message());
  }
  if (members->chain_id() != chain_id_) {
    return bad_answer("the state is of another fleet");
  }
  const MemberInfo* self = members->find(trustchain::node_id(identity_.public_key()));
  if (self == nullptr || self->name != incoming_->name ||
      self->identity != identity_.public_key()) {
    return bad_answer("this node is not a member in the state that came with it");
  }
  if (const auto leaf = members->check_leaf(incoming_->leaf, now); !leaf) {
    return bad_answer(leaf.error().message());
  }
  joined_ = std::move(incoming_);
  return {};
}

Bytes JoinServer::offer(const MemberSet& members, const trustchain::HybridPublicKey& identity,
                        Bytes binding) {
  JoinOffer out{.genesis = members.genesis(),
                .anchors = {},
                .identity = identity,
                .binding = std::move(binding)};
  for (const auto& anchor : members.anchors()) {
    out.anchors.push_back(*anchor);
  }
  return encode(std::move(out));
}

Result<JoinServer::Wanted> JoinServer::handle_request(ByteView record, const StateTree& tree,
                                                      UnixMillis now) {
  I2_TRY_VALUE(auto message, decode_join_message(record));
  auto* wanted = std::get_if<JoinRequest>(&message);
  if (wanted == nullptr) {
    return fail("trust.join_malformed", "the newcomer broke the rules of joining");
  }
  const FleetState state(tree);
  I2_TRY_VALUE(const Genesis genesis, state.genesis());
  I2_TRY_VALUE(const auto member, state.member(wanted->proof.node_id));
  const bool admitted =
      member && member->by == Admission::kInvite && member->info.identity == wanted->proof.identity;
  if (!admitted) {
    // First what costs nothing and says the most: an invite that cannot be used.
    I2_TRY_VALUE(const auto invite, state.invite(invite_id(wanted->proof.invite_key)));
    I2_TRY(check_invite(invite, now));
  }
  I2_TRY(verify_join_proof(wanted->proof, chain_id(genesis)));
  if (crypto::sha256(wanted->certificate_request) != wanted->proof.request_sha256) {
    return fail("trust.join_proof", "the certificate request is not the one that was signed");
  }
  I2_TRY_VALUE(auto request, crypto::CertificateRequest::from_der(wanted->certificate_request));
  if (!request.verify_possession()) {
    return fail("trust.request_possession",
                "the certificate request is not signed by the key it contains");
  }
  return Wanted{.admit = {.proof = std::move(wanted->proof),
                          .name = admitted ? member->info.name : free_name(state, wanted->name)},
                .request = std::move(request),
                .admitted = admitted};
}

Bytes JoinServer::refuse(const Error& error) {
  return encode(
      JoinRefused{.code = error.code(), .message = error.message().substr(0, kRefusalMessageMax)});
}

std::string free_name(const FleetState& state, std::string_view wished) {
  std::string out(wished);
  for (std::uint64_t number = 2; state.node_named(out); ++number) {
    const std::string suffix = std::format("-{}", number);
    std::string stem(wished.substr(0, trustchain::kNameSizeMax - suffix.size()));
    while (stem.ends_with('-')) {
      stem.pop_back();
    }
    out = stem + suffix;
  }
  return out;
}

}  // namespace i2::fleet
