// Checkpoints (C2SP tlog-checkpoint): the text of a note that states a log's size and root.
#pragma once

#include <i2/trustchain/core/ct/merkle.h>
#include <i2/trustchain/core/ct/note.h>

namespace i2::trustchain::ct {

inline constexpr std::size_t kOriginSizeMax = kKeyNameSizeMax;
inline constexpr std::size_t kCheckpointSizeMax = 4096;  // of the text

struct Checkpoint {
  std::string origin;  // names the log
  TreeHead head;
  std::vector<std::string> extensions;  // opaque lines; a static-ct log has none
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

[[nodiscard]] std::string note_text(const Checkpoint& checkpoint);
// Error: trust.checkpoint_invalid.
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);

// A note that is a checkpoint.
struct SignedCheckpoint {
  Note note;
  Checkpoint checkpoint;  // what note.text says
  friend bool operator==(const SignedCheckpoint&, const SignedCheckpoint&) = default;
};
// Errors: trust.note_invalid, trust.checkpoint_invalid.
[[nodiscard]] Result<SignedCheckpoint> parse_signed_checkpoint(std::string_view text);

}  // namespace i2::trustchain::ct
