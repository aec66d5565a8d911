// Proofs of inclusion that are verified offline (C2SP tlog-proof).
#pragma once

#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/core/ct/note_key.h>

#include <span>
#include <string>

namespace i2::trustchain::ct {

inline constexpr std::size_t kProofExtraMax = 66 * 1024;  // the leaf of the largest entry fits

struct TlogProof {
  Bytes extra;  // for the application; nothing vouches for it
  std::uint64_t index = 0;
  Proof proof;
  SignedCheckpoint checkpoint;
  friend bool operator==(const TlogProof&, const TlogProof&) = default;
};

[[nodiscard]] std::string encode(const TlogProof& proof);
// Error: trust.proof_invalid.
[[nodiscard]] Result<TlogProof> parse_tlog_proof(std::string_view text);

// Whether a checkpoint that one of the log's keys and at least `witnesses_required` different
// witnesses signed has the leaf. Errors: trust.checkpoint_invalid (of another log),
// trust.note_signature, trust.note_unsigned, trust.proof_invalid.
struct ProofPolicy {
  std::string origin;
  std::vector<NoteKey> log_keys;
  std::vector<NoteKey> witnesses;
  std::size_t witnesses_required = 0;  // counted by name
};
[[nodiscard]] Result<void> verify_tlog_proof(const TlogProof& proof, const Hash256& leaf,
                                             const ProofPolicy& policy);

}  // namespace i2::trustchain::ct
