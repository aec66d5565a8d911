// Writes the seeds of the fuzz targets of the replicated state, which are also the examples of
// docs/wire/{state,operation,block}.md, and prints what those documents say about them. Keys are
// random: after a run the documents have to be brought up to date (fleet_core_test says where).
//
//   make_state_examples CORPUS_DIR
#include <i2/fleet/core/state_snapshot.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "chain.h"

namespace {

namespace fs = std::filesystem;
namespace fleet = i2::fleet;

void write(const fs::path& path, i2::ByteView bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream out;
  out.exceptions(std::ios::failbit | std::ios::badbit);
  out.open(path, std::ios::binary);
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

void make_examples(const fs::path& corpus) {
  fleet::testing::Fleet home("home", 1, false);
  fleet::testing::TestChain chain(home);
  const auto alpha = fleet::testing::by_node(home.alpha);
  const auto operator_1 = fleet::testing::by_operator(home.operator_1);
  const auto beta = home.make_node("beta");
  const i2::NodeId alpha_id = home.alpha.info.node_id;
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
  const std::vector<fleet::Request> changes{chain.offer(fleet::testing::Invite{}),
                                            fleet::RevokeInvite{invite.id()}};
  fleet::Operation batch = chain.make(operator_1, changes);
  sign_operation(batch, home.operator_1, true).value();
  write(corpus / "fuzz_fleet_operation/batch", encode(batch));
  write(corpus / "fuzz_fleet_operation/batch_body", batch.body);

  // Nobody is called that.
  const auto leaf_key = fleet::testing::new_key(i2::crypto::SignatureAlgorithm::kFalcon1024);
  const auto leaf =
      i2::crypto::build_certificate({.subject_key = leaf_key.public_key(),
                                     .common_name = "ghost",
                                     .dns_names = {"ghost.home.i2.internal"},
                                     .not_before = fleet::testing::kNow,
                                     .not_after = fleet::testing::kNow + fleet::testing::kHour,
                                     .serial = home.serial(),
                                     .state_height = 2},
                                    &home.anchor.certificate, home.anchor_key)
          .value();
  write(corpus / "fuzz_trust_operation/authority_evidence",
        fleet::Request(i2::trustchain::AuthorityEvidence{.certificate = leaf.der()}).body);

  const i2::Hash256 after_block_3 = chain.chain.state.root();
  write(corpus / "fuzz_fleet_block/point",
        encode(sign_header(blocks.back().header, home.alpha.identity).value()));
  // Another key of the only validator: a link from one epoch to the next.
  const auto vote_key =
      i2::consensus::VoteKey::generate(i2::consensus::VoteSuite::kEd25519).value();
  const i2::Bytes possession = fleet::possession_message(chain.chain.head.chain_id, alpha_id);
  const auto set_key =
      chain.sign(alpha, fleet::SetVoteKey{.key = vote_key.public_key(),
                                          .possession = vote_key.sign(possession).value()});
  write(corpus / "fuzz_fleet_operation/vote_key", set_key);
  const fleet::Block boundary = chain.order({set_key}).value();
  const auto sealed = sign_header(boundary.header, home.alpha.identity).value();
  write(corpus / "fuzz_fleet_block/seal", fleet::encode(sealed.seal));
  write(corpus / "fuzz_fleet_block/link",
        encode(fleet::make_link(sealed, chain.chain.state).value()));
  write(corpus / "fuzz_fleet_block/epoch", encode(chain.state().epoch().value()));

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
  print("id of block 1", id(blocks[0].header).view());
  print("id of block 3", id(blocks[2].header).view());
  print("app hash after block 3", after_block_3);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_state_examples CORPUS_DIR\n");
    return 2;
  }
  make_examples(argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "make_state_examples: %s\n", error.what());
  return 1;
}
