// Text formats that consist of lines.
#pragma once

#include <i2/trustchain/core/ct/merkle.h>

#include <optional>
#include <string>
#include <string_view>

namespace i2::trustchain::ct {

// The next line without its newline; none when no line is left or the last has no newline.
[[nodiscard]] std::optional<std::string_view> take_line(std::string_view& rest);

// Hashes in base64, one on a line, up to an empty line, which is taken too. None when a line is
// something else or there are more than kProofHashesMax.
[[nodiscard]] std::optional<Proof> take_proof(std::string_view& rest);
[[nodiscard]] std::string proof_lines(ProofView proof);

// "word number".
[[nodiscard]] std::optional<std::uint64_t> read_number_line(std::string_view line,
                                                            std::string_view word);

}  // namespace i2::trustchain::ct
