#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/tlog_proof.h>
#include <i2/wire/text.h>

#include <optional>
#include <set>

#include "lines.h"

namespace i2::trustchain::ct {
namespace {

constexpr std::string_view kProofHeader = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtraWord = "extra ";
constexpr std::string_view kIndexWord = "index";

std::optional<TlogProof> read_tlog_proof(std::string_view text) {
  if (take_line(text) != kProofHeader) {
    return std::nullopt;
  }
  TlogProof out;
  auto line = take_line(text);
  if (line && line->starts_with(kExtraWord)) {
    auto extra = wire::from_base64(line->substr(kExtraWord.size()));
    if (!extra || extra->empty() || extra->size() > kProofExtraMax) {
      return std::nullopt;
    }
    out.extra = std::move(*extra);
    line = take_line(text);
  }
  const auto index = line ? read_number_line(*line, kIndexWord) : std::nullopt;
  auto proof = index ? take_proof(text) : std::nullopt;
  if (!proof) {
    return std::nullopt;
  }
  auto checkpoint = parse_signed_checkpoint(text);
  if (!checkpoint) {
    return std::nullopt;
  }
  out.index = *index;
  out.proof = std::move(*proof);
  out.checkpoint = std::move(*checkpoint);
  return out;
}

}  // namespace

std::string encode(const TlogProof& proof) {
  I2_ASSERT(proof.extra.size() <= kProofExtraMax);
  std::string out(kProofHeader);
  out += '\n';
  if (!proof.extra.empty()) {
    out += std::string(kExtraWord) + wire::to_base64(proof.extra) + '\n';
  }
  out += std::string(kIndexWord) + ' ' + std::to_string(proof.index) + '\n';
  return out + proof_lines(proof.proof) + encode(proof.checkpoint.note);
}

Result<TlogProof> parse_tlog_proof(std::string_view text) {
  auto out = read_tlog_proof(text);
  if (!out) {
    return fail("trust.proof_invalid", "not a proof of inclusion (c2sp.org/tlog-proof@v1)");
  }
  return std::move(*out);
}

Result<void> verify_tlog_proof(const TlogProof& proof, const Hash256& leaf,
                               const ProofPolicy& policy) {
  const Checkpoint& checkpoint = proof.checkpoint.checkpoint;
  if (checkpoint.origin != policy.origin) {
    return fail("trust.checkpoint_invalid", "the proof is for the log " + checkpoint.origin);
  }
  I2_TRY(verify_note(proof.checkpoint.note, policy.log_keys));
  if (policy.witnesses_required > 0) {
    I2_TRY_VALUE(const auto signers, verify_note(proof.checkpoint.note, policy.witnesses));
    std::set<std::string_view> names;
    for (const Signer& signer : signers) {
      names.insert(policy.witnesses[signer.key].name());
    }
    if (names.size() < policy.witnesses_required) {
      return fail("trust.note_unsigned", std::to_string(names.size()) + " of at least " +
                                             std::to_string(policy.witnesses_required) +
                                             " witnesses signed the checkpoint");
    }
  }
  return verify_inclusion(leaf, proof.index, checkpoint.head, proof.proof);
}

}  // namespace i2::trustchain::ct
