#include "lines.h"

#include <i2/wire/text.h>

namespace i2::trustchain::ct {

std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

std::optional<Proof> take_proof(std::string_view& rest) {
  Proof out;
  while (true) {
    const auto line = take_line(rest);
    if (!line) {
      return std::nullopt;
    }
    if (line->empty()) {
      return out;
    }
    const auto hash = wire::hash_from_base64(*line);
    if (!hash || out.size() == kProofHashesMax) {
      return std::nullopt;
    }
    out.push_back(*hash);
  }
}

std::string proof_lines(ProofView proof) {
  std::string out;
  for (const Hash256& hash : proof) {
    out += wire::to_base64(hash) + '\n';
  }
  return out + '\n';
}

std::optional<std::uint64_t> read_number_line(std::string_view line, std::string_view word) {
  if (!line.starts_with(word) || !line.substr(word.size()).starts_with(' ')) {
    return std::nullopt;
  }
  return wire::from_decimal(line.substr(word.size() + 1));
}

}  // namespace i2::trustchain::ct
