// Writes seeds of fuzz_consensus: what validator 0 hears in a run with a silent leader and a
// restart.
//
//   make_consensus_examples FOLDER
#include <i2/wire/reader.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cluster.h"

namespace {

using namespace i2;             // NOLINT(google-build-using-namespace)
using namespace i2::consensus;  // NOLINT(google-build-using-namespace)

// The fuzz target takes any signature that begins with 1.
void simplify(Vote& vote) {
  vote.signature = {1};
}
void simplify(Certificate& certificate) {
  for (Bytes& signature : certificate.signatures) {
    signature = {1};
  }
}
void simplify(ProposalMessage& message) {
  message.proposal.signature = {1};
}
void simplify(Seal& seal) {
  simplify(seal.finalization);
}
void simplify(Greeting& greeting) {
  for (Vote& vote : greeting.yours) {
    simplify(vote);
  }
}
void simplify(FetchProposal& /*fetch*/) {}
void simplify(FetchCertificates& /*fetch*/) {}

void write(const std::filesystem::path& file, ByteView bytes) {
  std::ofstream out(file, std::ios::binary);
  out << as_text(bytes);
}

void make_examples(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::size_t number = 0;
  for (const bool silent : {false, true}) {
    Cluster cluster(4);
    Bytes heard;
    cluster.lost = [&](const Letter& letter) {
      if (letter.to == 0 && heard.size() < 6000) {
        Message message = letter.message;
        std::visit([](auto& one) { simplify(one); }, message);
        const Bytes encoding = encode(Envelope{.epoch = 0, .message = message});
        wire::Writer w(heard);
        w.u8(static_cast<std::uint8_t>(letter.from + (silent ? 4 : 0)));
        w.u16(static_cast<std::uint16_t>(encoding.size()));
        w.bytes(encoding);
      }
      return false;
    };
    if (silent) {
      cluster.stop(cluster.set().set->leader(1));
    }
    cluster.connect();
    cluster.want(true);
    cluster.wait(2 * kSecond);
    write(folder / ("run" + std::to_string(number++)), heard);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fputs("usage: make_consensus_examples FOLDER\n", stderr);
    return 2;
  }
  make_examples(argv[1]);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "make_consensus_examples: %s\n", error.what());
  return 1;
}
