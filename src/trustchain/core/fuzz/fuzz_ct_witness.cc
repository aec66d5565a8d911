// A witness under requests whose checkpoints its log did sign, whatever they say: it cosigns only
// what grew out of its last head, and its evidence convicts. Also evidence as bytes.
#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/log_tree.h>
#include <i2/trustchain/core/ct/witness.h>

#include <algorithm>

namespace i2::trustchain::ct {
namespace {

constexpr std::string_view kFuzzOrigin = "log";

const NoteSigner& log_signer() {
  static const NoteSigner signer = [] {
    const Bytes seed(32, 7);
    return NoteSigner::make(std::string(kFuzzOrigin), NoteKeyType::kEd25519,
                            crypto::PrivateKey::from_ed25519_seed(seed).value())
        .value();
  }();
  return signer;
}

void sign(SignedCheckpoint& checkpoint) {
  checkpoint.note.text = note_text(checkpoint.checkpoint);
  checkpoint.note.signatures = {log_signer().sign(checkpoint.note.text, 0).value()};
}

WitnessedLog witnessed(std::uint64_t size) {
  LogTree tree;
  while (tree.size() < size) {
    tree.append(leaf_hash(as_bytes(std::to_string(tree.size()))));
  }
  SignedCheckpoint last;
  last.checkpoint = {.origin = std::string(kFuzzOrigin), .head = tree.head(), .extensions = {}};
  sign(last);
  return {.keys = {log_signer().key()}, .last = std::move(last)};
}

void check_request(AddCheckpoint request) {
  request.checkpoint.checkpoint.origin = kFuzzOrigin;
  sign(request.checkpoint);
  for (const std::uint64_t size : {std::uint64_t{5}, std::uint64_t{8}, request.old_size}) {
    const WitnessedLog log = witnessed(std::min<std::uint64_t>(size, 64));
    const WitnessDecision decision = judge(request, &log);
    const TreeHead& last = log.last->checkpoint.head;
    const TreeHead& now = request.checkpoint.checkpoint.head;
    I2_ASSERT(decision.size == last.size);
    I2_ASSERT((decision.answer == WitnessAnswer::kCosign) ==
              (request.old_size == last.size &&
               verify_consistency(last, now, request.proof).has_value()));
    if (decision.evidence) {
      I2_ASSERT(decision.answer != WitnessAnswer::kCosign);
      I2_ASSERT(verify_split_view(*decision.evidence, log_signer().key()));
      I2_ASSERT(decode_split_view(encode(*decision.evidence)).value() == *decision.evidence);
    }
  }
}

}  // namespace
}  // namespace i2::trustchain::ct

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::trustchain::ct;
  const i2::ByteView input(data, size);
  if (auto request = parse_add_checkpoint(i2::as_text(input))) {
    I2_ASSERT(encode(*request) == i2::as_text(input));
    check_request(std::move(*request));
  }
  if (const auto evidence = decode_split_view(input)) {
    I2_ASSERT(i2::equal(encode(*evidence), input));
    static_cast<void>(verify_split_view(*evidence, log_signer().key()));
  }
  return 0;
}
