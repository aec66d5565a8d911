#include <i2/trustchain/core/ct/note.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <optional>

#include "lines.h"

namespace i2::trustchain::ct {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr std::size_t kKeyIdSize = 4;

// The characters beyond ASCII with the property White_Space, in UTF-8.
constexpr std::string_view kWideSpaces[] = {
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

std::unexpected<Error> wrong_note(std::string_view what) {
  return fail("trust.note_invalid", std::string(what));
}

std::optional<NoteSignature> read_signature_line(std::string_view line) {
  if (!line.starts_with(kDash)) {
    return std::nullopt;
  }
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) {
    return std::nullopt;
  }
  const auto bytes = wire::from_base64(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdSize) {
    return std::nullopt;
  }
  wire::Reader r(*bytes);
  NoteSignature out{.name = std::string(line.substr(0, space)), .key_id = r.u32(), .signature = {}};
  out.signature = to_bytes(r.rest());
  return out;
}

}  // namespace

bool is_key_name(std::string_view text) {
  return !text.empty() && text.size() <= kKeyNameSizeMax && wire::is_utf8(text) &&
         std::ranges::none_of(
             text, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '+'; }) &&
         std::ranges::none_of(kWideSpaces,
                              [&](std::string_view space) { return text.contains(space); });
}

bool is_note_text(std::string_view text) {
  return text.ends_with('\n') && wire::is_utf8(text) && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < ' ' && c != '\n';
         });
}

std::string encode(const NoteSignature& signature) {
  Bytes bytes;
  bytes.reserve(kKeyIdSize + signature.signature.size());
  wire::Writer w(bytes);
  w.u32(signature.key_id);
  w.bytes(signature.signature);
  return std::string(kDash) + signature.name + ' ' + wire::to_base64(bytes) + '\n';
}

std::string encode(const Note& note) {
  std::string out = note.text + '\n';
  for (const NoteSignature& signature : note.signatures) {
    out += encode(signature);
  }
  return out;
}

Result<Note> parse_note(std::string_view text) {
  if (text.size() > kNoteSizeMax || !is_note_text(text)) {
    return wrong_note("a note is text of at most 128 KiB that ends in a newline");
  }
  const std::size_t end = text.rfind("\n\n");
  if (end == std::string_view::npos) {
    return wrong_note("the note has no empty line in front of its signatures");
  }
  Note out{.text = std::string(text.substr(0, end + 1)), .signatures = {}};
  for (std::string_view rest = text.substr(end + 2); !rest.empty();) {
    auto signature = read_signature_line(*take_line(rest));
    if (!signature || out.signatures.size() == kNoteSignaturesMax) {
      return wrong_note(signature ? "the note has too many signatures"
                                  : "a signature line of the note is malformed");
    }
    out.signatures.push_back(std::move(*signature));
  }
  if (out.signatures.empty()) {
    return wrong_note("the note has no signatures");
  }
  return out;
}

}  // namespace i2::trustchain::ct
