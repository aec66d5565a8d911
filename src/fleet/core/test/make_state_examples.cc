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
