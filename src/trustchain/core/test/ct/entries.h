// Submissions for tests: bytes in place of certificates, which the log does not look into.
#pragma once

#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/ct/sequencing.h>

#include <fstream>
#include <iterator>
#include <string>

namespace i2::trustchain::ct::testing {

// A file of corpus/.
inline Bytes corpus(const std::string& name) {
  std::ifstream file(std::string(I2_SOURCE_DIR "/corpus/") + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline constexpr UnixMillis kNow = 1'763'700'000'000;  // 2025-11-21
inline constexpr std::string_view kOrigin = "log.example/2025h2";

inline const Bytes& issuer() {
  static const Bytes der = to_bytes(as_bytes("issuer"));
  return der;
}

// Every third one is a precertificate.
inline Submission submission(std::size_t number) {
  Submission out{.type = number % 3 == 2 ? EntryType::kPrecert : EntryType::kX509,
                 .issuer_key_hash = {},
                 .certificate = to_bytes(as_bytes("certificate " + std::to_string(number))),
                 .precertificate = {},
                 .issuers = {crypto::sha256(issuer())}};
  if (out.type == EntryType::kPrecert) {
    out.issuer_key_hash.fill(0x55);
    out.precertificate = to_bytes(as_bytes("precertificate " + std::to_string(number)));
  }
  return out;
}

inline std::vector<Submission> submissions(std::size_t first, std::size_t count) {
  std::vector<Submission> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(submission(first + i));
  }
  return out;
}

inline const crypto::PrivateKey& log_key() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  return key;
}

inline NoteSigner log_signer(const crypto::PrivateKey& key = log_key()) {
  return NoteSigner::make(std::string(kOrigin), NoteKeyType::kTreeHead, key).value();
}

inline SignedCheckpoint sign(const Checkpoint& checkpoint, std::span<const NoteSigner> signers,
                             UnixMillis now = kNow) {
  SignedCheckpoint out{.note = {.text = note_text(checkpoint), .signatures = {}},
                       .checkpoint = checkpoint};
  for (const NoteSigner& signer : signers) {
    out.note.signatures.push_back(signer.sign(out.note.text, now).value());
  }
  return out;
}

}  // namespace i2::trustchain::ct::testing
