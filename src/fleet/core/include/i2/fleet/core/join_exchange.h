// Both sides of joining by invite, as pure state machines. docs/wire/join.md.
//
//   server                                   client
//   JoinServer::offer ─────────────────────▶ JoinClient::handle: is it who the token names?
//   JoinServer::handle_request ◀──────────── the request
//   (the sponsor's operation is ordered)
//   JoinServer::link, ::accept, ::chunk ───▶ JoinClient::handle, until result()
//
// The client says nothing before it knows that the server has the identity and the fleet that its
// token names; from then on it takes nothing that the fleet's keys do not vouch for.
#pragma once

#include <i2/fleet/core/fleet_operations.h>
#include <i2/fleet/core/invite_token.h>
#include <i2/fleet/core/join_messages.h>
#include <i2/trustchain/core/leaf.h>

#include <optional>

namespace i2::fleet {

class JoinClient {
 public:
  struct Options {
    const InviteToken& token;  // used by the constructor only
    trustchain::HybridKey identity;
    trustchain::LeafRequest leaf;  // its common name is `name`
    std::string name;              // wished for
  };
  // Error: crypto.key_malformed.
  [[nodiscard]] static Result<JoinClient> create(Options options);

  // One record from the server, who has shown `server_leaf` in the TLS handshake. What to send, if
  // anything. Errors:
  //   trust.join_server     not a node that the token names, or it cannot prove that it is
  //   trust.join_foreign    of another fleet than the token
  //   trust.join_malformed  not what comes next
  //   trust.join_answer     an answer that the fleet's keys do not vouch for
  //   and what the server refused with
  // After an error there is nothing more to do with this object.
  [[nodiscard]] Result<std::optional<Bytes>> handle(ByteView record,
                                                    const crypto::Certificate& server_leaf,
                                                    UnixMillis now);

  struct Joined {
    Genesis genesis;
    std::string name;
    crypto::Certificate leaf;
    std::vector<EpochLink> links;  // from the genesis to those who sealed `point`
    SealedHeader point;
    StateTree state;  // that `point` names; this node is a member in it
    std::vector<PeerHint> peers;
  };
  // When everything has come.
  [[nodiscard]] const std::optional<Joined>& result() const { return joined_; }

 private:
  enum class Expect : std::uint8_t { kOffer, kAnswer, kState, kNothing };
  explicit JoinClient(Options&& options, crypto::PrivateKey invite_key);
  [[nodiscard]] Result<Bytes> take(JoinOffer offer, const crypto::Certificate& server_leaf,
                                   UnixMillis now);
  [[nodiscard]] Result<void> take(JoinLink message);
  [[nodiscard]] Result<void> take(JoinAccepted accepted, UnixMillis now);
  [[nodiscard]] Result<void> take(const JoinChunk& chunk, UnixMillis now);
  [[nodiscard]] Result<void> finish(UnixMillis now);

  ChainId chain_id_;
  Hash256 root_fingerprint_;
  std::vector<PeerHint> inviters_;
  trustchain::HybridKey identity_;
  trustchain::LeafRequest leaf_;
  std::string name_;
  crypto::PrivateKey invite_key_;

  Expect expect_ = Expect::kOffer;
  std::optional<MemberSet> offered_;    // genesis and anchors, verified
  std::optional<Authority> authority_;  // who seals, as far as links have shown
  std::vector<EpochLink> links_;
  std::optional<Joined> incoming_;
  std::optional<SnapshotReader> reader_;
  std::optional<Joined> joined_;
};

class JoinServer {
 public:
  // The first message.
  [[nodiscard]] static Bytes offer(const MemberSet& members,
                                   const trustchain::HybridPublicKey& identity, Bytes binding);

  struct Wanted {
    Admit admit;  // with a name that is free in the state
    crypto::CertificateRequest request;
    // The state knows it as a member under that name: it was admitted and did not get its answer,
    // or not all of it. There is nothing to order.
    bool admitted = false;
  };
  // What the client asks for, checked as far as the sponsor's own state goes, so that nothing is
  // ordered in vain. Errors: trust.join_malformed, trust.join_proof, trust.invite_*,
  // trust.request_*, crypto.request_malformed, fleet.members_full.
  [[nodiscard]] static Result<Wanted> handle_request(ByteView record, const StateTree& state,
                                                     UnixMillis now);
  [[nodiscard]] static Bytes refuse(const Error& error);
  // Before it: the links from the genesis on.
  [[nodiscard]] static Bytes link(EpochLink next) { return encode(JoinLink{std::move(next)}); }
  [[nodiscard]] static Bytes accept(JoinAccepted answer) { return encode(std::move(answer)); }
  // Chunks of the state that was named, one after another, from `offset` on.
  [[nodiscard]] static Bytes chunk(const StateTree& state, std::uint64_t offset) {
    return encode(JoinChunk{.chunk = encode_chunk(state, offset)});
  }
};

// `wished`, or it with a number behind it, whichever is free.
[[nodiscard]] std::string free_name(const FleetState& state, std::string_view wished);

}  // namespace i2::fleet
