// Notes, checkpoints, verifier keys and offline proofs: each has one form, and what reads as one
// verifies only under a key that made it.
#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/ct/tlog_proof.h>

namespace i2::trustchain::ct {
namespace {

NoteSigner make_signer(NoteKeyType type) {
  const Bytes seed(32, 7);
  return NoteSigner::make("log", type, crypto::PrivateKey::from_ed25519_seed(seed).value()).value();
}

void check_note(std::string_view text) {
  static const NoteSigner signer = make_signer(NoteKeyType::kEd25519);
  static const NoteSigner cosigner = make_signer(NoteKeyType::kEd25519Cosignature);
  static const std::vector<NoteKey> keys{signer.key(), cosigner.key()};
  auto note = parse_note(text);
  if (!note) {
    return;
  }
  I2_ASSERT(encode(*note) == text);
  static_cast<void>(verify_note(*note, keys));
  note->signatures = {signer.sign(note->text, 0).value()};
  I2_ASSERT(verify_note(*note, keys).value().size() == 1);
  const auto checkpoint = parse_checkpoint(note->text);
  const auto cosignature = cosigner.sign(note->text, 5000);
  I2_ASSERT(checkpoint.has_value() == cosignature.has_value());
  if (checkpoint) {
    I2_ASSERT(note_text(*checkpoint) == note->text);
    note->signatures.push_back(*cosignature);
    I2_ASSERT(verify_note(*note, keys).value().back().time == 5000);
  }
  note->text.insert(0, "x");
  I2_ASSERT(!verify_note(*note, keys));
}

}  // namespace
}  // namespace i2::trustchain::ct

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::trustchain::ct;
  const std::string_view text = i2::as_text({data, size});
  check_note(text);
  if (const auto key = NoteKey::parse(text)) {
    I2_ASSERT(key->vkey() == text);
  }
  if (const auto proof = parse_tlog_proof(text)) {
    I2_ASSERT(encode(*proof) == text);
    ProofPolicy policy;
    policy.origin = proof->checkpoint.checkpoint.origin;
    I2_ASSERT(!verify_tlog_proof(*proof, {}, policy));
  }
  return 0;
}
