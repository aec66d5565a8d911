// Signed notes (C2SP signed-note): text, and lines with signatures over it.
//
// The form only; whose signatures they are and whether they hold is note_key.h.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::ct {

// 16 signatures of the longest post-quantum kind fit, which is what has to be accepted.
inline constexpr std::size_t kNoteSizeMax = 128 * 1024;
inline constexpr std::size_t kNoteSignaturesMax = 32;
inline constexpr std::size_t kKeyNameSizeMax = 255;  // what a cosignature can name

struct NoteSignature {
  std::string name;  // of the key
  std::uint32_t key_id = 0;
  Bytes signature;
  friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};

struct Note {
  std::string text;  // ends in a newline
  std::vector<NoteSignature> signatures;
  friend bool operator==(const Note&, const Note&) = default;
};

// Not empty, UTF-8 without spaces, control characters and '+'.
[[nodiscard]] bool is_key_name(std::string_view text);
// UTF-8 that ends in a newline and has no other control characters.
[[nodiscard]] bool is_note_text(std::string_view text);

// One line, with its newline.
[[nodiscard]] std::string encode(const NoteSignature& signature);
[[nodiscard]] std::string encode(const Note& note);
// Error: trust.note_invalid.
[[nodiscard]] Result<Note> parse_note(std::string_view text);

}  // namespace i2::trustchain::ct
