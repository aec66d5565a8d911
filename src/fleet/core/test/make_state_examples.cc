// Writes the seeds of the fuzz targets of the replicated state, which are also the examples of
// docs/wire/{state,operation,block}.md, and prints what those documents say about them. Keys are
// random: after a run the documents have to be brought up to date (fleet_core_test says where).
//
//   make_state_examples CORPUS_DIR
#include <i2/fleet/core/join_exchange.h>
#include <i2/fleet/core/state_snapshot.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "chain.h"

namespace {

namespace fs = std::filesystem;
namespace fleet = i2::fleet;

void write(const fs::path& path, i2::ByteView bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
}

void print(const char* what, i2::ByteView bytes) {
  std::printf("%s\n%s\n", what, i2::to_hex(bytes).c_str());
}

i2::Bytes with_selector(std::uint8_t selector, i2::ByteView bytes) {
  i2::Bytes out{selector};
  i2::append(out, bytes);
  return out;
}

// A token and each message of the exchange, without its length.
void write_join(const fs::path& dir, fleet::testing::TestChain& chain,
                const fleet::testing::Invite& invite) {
  fleet::testing::Fleet& home = chain.fleet;
  fleet::PeerHint hint{.node_id = home.alpha.info.node_id, .address = {}, .port = 9292};
  hint.address.back() = 1;
  const fleet::InviteToken token{
      .chain_id = chain.chain.head.chain_id,
      .root_fingerprint = fleet::root_fingerprint(home.root.public_key()),
      .peers = {hint},
      .seed = i2::crypto::SecretBytes(i2::Bytes(32, 7)),
      .expiry = chain.now + fleet::testing::kHour};
  const std::string text = encode_token(token);
  write(dir / "token", with_selector(0, i2::as_bytes(text)));
  const auto message = [&](const char* name, const fleet::JoinMessage& what) {
    write(dir / name, with_selector(1, i2::ByteView(encode(what)).subspan(4)));
  };
  const auto gamma = home.make_node("gamma");
  const auto request = i2::trustchain::make_leaf_request("gamma", "home").value();
  const i2::Bytes der = request.request.der();
  message("offer", fleet::JoinOffer{.genesis = home.genesis,
                                    .anchors = {home.anchor},
                                    .identity = home.alpha.identity.public_key(),
                                    .binding = i2::Bytes(8, 1)});
  message("request",
          fleet::JoinRequest{.proof = make_join_proof(token.chain_id, gamma.identity, der,
                                                      invite.key)
                                          .value(),
                             .certificate_request = der,
                             .name = "gamma"});
  message("accepted",
          fleet::JoinAccepted{.name = "gamma",
                              .leaf = i2::Bytes(8, 2),
                              .point = sign_header(chain.chain.head, home.alpha.identity).value(),
                              .peers = {hint}});
  message("refused", fleet::JoinRefused{.code = "trust.invite_used", .message = "used"});
  i2::Bytes stream{0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 1, 9};
  write(dir / "stream", with_selector(2, stream));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_state_examples CORPUS_DIR\n");
    return 2;
  }
  const fs::path corpus = argv[1];
  fleet::testing::Fleet home("home", 1, false);
  fleet::testing::TestChain chain(home);
  const auto alpha = fleet::testing::by_node(home.alpha);
  const auto operator_1 = fleet::testing::by_operator(home.operator_1);
  const auto beta = home.make_node("beta");
  const fleet::testing::Invite invite;

  write(corpus / "fuzz_fleet_block/genesis", encode(home.genesis));
  std::vector<fleet::Block> blocks;
  const auto order = [&](std::vector<i2::Bytes> operations) {
    blocks.push_back(chain.order(std::move(operations)).value());
    write(corpus / "fuzz_fleet_block" / ("block" + std::to_string(blocks.size())),
          encode(blocks.back()));
  };
  const auto anchor = chain.sign(alpha, fleet::AddAnchor{home.anchor});
  const auto offer = chain.sign(operator_1, chain.offer(invite));
  write(corpus / "fuzz_fleet_operation/anchor", anchor);
  write(corpus / "fuzz_fleet_operation/invite", offer);
  order({anchor, offer});
  const auto admit = chain.sign(alpha, chain.admission(beta, invite));
  write(corpus / "fuzz_fleet_operation/admit", admit);
  order({admit});
  fleet::Operation expel =
      chain.make(alpha, fleet::Expel{.node = beta.info.node_id, .reason = "stolen"});
  approve_operation(expel, home.operator_1).value();
  sign_operation(expel, home.alpha.identity, true).value();
  write(corpus / "fuzz_fleet_operation/expel", encode(expel));
  write(corpus / "fuzz_fleet_operation/body", expel.body);
  order({encode(expel)});

  write_join(corpus / "fuzz_fleet_join", chain, invite);
  write(corpus / "fuzz_fleet_block/point", encode(blocks.back().head));
  write(corpus / "fuzz_fleet_snapshot/chunk",
        with_selector(0, encode_chunk(chain.chain.state, 2, 1)));
  write(corpus / "fuzz_fleet_snapshot/tree", with_selector(1, i2::as_bytes("\x01"
                                                                           "a\x02"
                                                                           "ab\x03"
                                                                           "abc\x01"
                                                                           "b\x04"
                                                                           "abcd")));

  const auto decoded = fleet::decode_operation(admit).value();
  print("operation id of admit", id(decoded).view());
  print("account of admit", decoded.account.view());
  print("id of block 1", id(blocks[0].head.header).view());
  print("id of block 3", id(blocks[2].head.header).view());
  print("app hash after block 3", chain.chain.state.root());
  return 0;
}
