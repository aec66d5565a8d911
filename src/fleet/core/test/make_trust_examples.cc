// Writes the seeds of the fuzz targets, which are also the example records of docs/wire/trust.md
// and docs/wire/bundle.md, and prints what those documents say about them. Keys are random: after a
// run the documents have to be brought up to date by hand (fleet_core_test says where).
//
//   make_trust_examples CORPUS_DIR
#include <i2/crypto/hash.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "fleet.h"

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
  std::printf("%s %zu bytes\n", path.filename().c_str(), bytes.size());
}

void print(const char* what, i2::ByteView bytes) {
  std::printf("%s %s\n", what, i2::to_hex(bytes).c_str());
}

void make_examples(const fs::path& corpus) {
  fleet::testing::Fleet home("home", 1, false);
  const auto beta = home.make_node("beta");
  const auto record = home.admit(beta);
  const auto bundle = home.bundle(beta, record);
  const auto file = fleet::encode_bundle(bundle, home.operator_1).value();

  write(corpus / "fuzz_trust_genesis_member/genesis", encode(home.genesis));
  write(corpus / "fuzz_trust_genesis_member/member", encode(record));
  write(corpus / "fuzz_trust_genesis_member/anchor", encode(home.anchor));
  write(corpus / "fuzz_trust_genesis_member/hints", encode(bundle.peers));
  write(corpus / "fuzz_trust_binding/binding", bundle.binding);
  write(corpus / "fuzz_trust_bundle/bundle", file.view());

  print("chain id", fleet::chain_id(home.genesis).view());
  print("alpha", home.alpha.info.node_id.view());
  print("beta", beta.info.node_id.view());
  print("operator", fleet::operator_id(home.operator_1.public_key()).view());
  print("member id", fleet::id(record));
  print("anchor id", i2::trustchain::id(home.anchor));
  print("binding", i2::ByteView(bundle.binding).first(76));
  print("bundle header", file.view().first(46));
  print("bundle checksum", file.view().last(32));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_trust_examples CORPUS_DIR\n");
    return 2;
  }
  make_examples(argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "make_trust_examples: %s\n", error.what());
  return 1;
}
