#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/wire/text.h>

#include <optional>

#include "lines.h"

namespace i2::trustchain::ct {
namespace {

std::optional<Checkpoint> read_checkpoint(std::string_view text) {
  if (text.size() > kCheckpointSizeMax || !is_note_text(text)) {
    return std::nullopt;
  }
  const auto origin = take_line(text);
  const auto size_line = take_line(text);
  const auto root_line = take_line(text);
  if (!root_line || origin->empty() || origin->size() > kOriginSizeMax) {
    return std::nullopt;
  }
  const auto size = wire::from_decimal(*size_line);
  const auto root = wire::hash_from_base64(*root_line);
  if (!size || !root) {
    return std::nullopt;
  }
  Checkpoint out{
      .origin = std::string(*origin), .head = {.size = *size, .root = *root}, .extensions = {}};
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line->empty()) {
      return std::nullopt;
    }
    out.extensions.emplace_back(*line);
  }
  return out;
}

}  // namespace

std::string note_text(const Checkpoint& checkpoint) {
  std::string out = checkpoint.origin + '\n' + std::to_string(checkpoint.head.size) + '\n' +
                    wire::to_base64(checkpoint.head.root) + '\n';
  for (const std::string& line : checkpoint.extensions) {
    out += line + '\n';
  }
  return out;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  auto out = read_checkpoint(text);
  if (!out) {
    return fail("trust.checkpoint_invalid",
                "a checkpoint has a line each for the log's name, its size and its root");
  }
  return std::move(*out);
}

Result<SignedCheckpoint> parse_signed_checkpoint(std::string_view text) {
  SignedCheckpoint out;
  I2_TRY_VALUE(out.note, parse_note(text));
  I2_TRY_VALUE(out.checkpoint, parse_checkpoint(out.note.text));
  return out;
}

}  // namespace i2::trustchain::ct
