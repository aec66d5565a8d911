// A witness (C2SP tlog-witness): it cosigns each head of a log that grew out of the last one it
// cosigned, and keeps what convicts a log that shows different trees.
#pragma once

#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/core/ct/note_key.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace i2::trustchain::ct {

// The body of add-checkpoint.
struct AddCheckpoint {
  std::uint64_t old_size = 0;
  Proof proof;  // consistency from old_size
  SignedCheckpoint checkpoint;
  friend bool operator==(const AddCheckpoint&, const AddCheckpoint&) = default;
};
[[nodiscard]] std::string encode(const AddCheckpoint& request);
// Error: trust.witness_request, to be answered with 400.
[[nodiscard]] Result<AddCheckpoint> parse_add_checkpoint(std::string_view body);

// Two heads that one key signed and that no log can have: offline proof of its misbehaviour.
struct SplitView {
  Note first;      // each with the one line of the log's key
  Note second;     // of the same size or a larger one
  Hash256 root{};  // what the second tree has at the size of the first; not the first's root
  Proof proof;     // consistency from there to the second
  friend bool operator==(const SplitView&, const SplitView&) = default;
};
// None when that does not follow. For a first size that is a power of two, `root` cannot be
// found out from a proof between the two: read it from the second tree's tiles.
[[nodiscard]] std::optional<SplitView> split_view(const SignedCheckpoint& first,
                                                  const SignedCheckpoint& second,
                                                  const Hash256& root, ProofView proof,
                                                  std::span<const NoteKey> log_keys);
[[nodiscard]] Bytes encode(const SplitView& evidence);
// Form only. Error: trust.evidence_invalid.
[[nodiscard]] Result<SplitView> decode_split_view(ByteView encoding);
// Whether the holder of `log` signed a split view. Error: trust.evidence_invalid.
[[nodiscard]] Result<void> verify_split_view(const SplitView& evidence, const NoteKey& log);

struct WitnessedLog {
  std::vector<NoteKey> keys;             // of the log
  std::optional<SignedCheckpoint> last;  // that was cosigned
};

// The HTTP status of each answer.
enum class WitnessAnswer : std::uint16_t {
  kCosign = 200,
  kSizes = 400,      // older than it is new
  kNotSigned = 403,  // by the log
  kUnknownOrigin = 404,
  kConflict = 409,  // grew from another size than the last; the body is that size
  kInconsistent = 422,
};
struct WitnessDecision {
  WitnessAnswer answer = WitnessAnswer::kUnknownOrigin;
  std::uint64_t size = 0;               // of the last cosigned checkpoint
  std::optional<SplitView> evidence{};  // beside kConflict or kInconsistent
};
// `log`: what is known of the log with the request's origin; null when nothing is.
[[nodiscard]] WitnessDecision judge(const AddCheckpoint& request, const WitnessedLog* log);

// What to keep and to answer after kCosign, in this order.
struct Cosigned {
  SignedCheckpoint last;  // with the lines of the log's keys and ours
  std::string lines;      // ours: the body of the answer
};
// Errors: crypto.sign.
[[nodiscard]] Result<Cosigned> cosign(const AddCheckpoint& request, const WitnessedLog& log,
                                      std::span<const NoteSigner> signers, UnixMillis now);

}  // namespace i2::trustchain::ct
