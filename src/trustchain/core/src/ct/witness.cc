#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/witness.h>
#include <i2/trustchain/core/hybrid.h>

#include <algorithm>
#include <bit>

#include "lines.h"

namespace i2::trustchain::ct {
namespace {

constexpr std::uint16_t kSplitViewVersion = 1;
constexpr std::string_view kOldWord = "old";

std::unexpected<Error> wrong_evidence(std::string_view what) {
  return fail("trust.evidence_invalid", std::string(what));
}

// The note with the lines of `key` only.
Note only(const Note& note, const NoteKey& key) {
  Note out{.text = note.text, .signatures = {}};
  const auto line =
      std::ranges::find_if(note.signatures, [&](const auto& s) { return key.made(s); });
  if (line != note.signatures.end()) {
    out.signatures.push_back(*line);
  }
  return out;
}

Note read_note(wire::CanonicalReader& r) {
  auto note = parse_note(r.text(kNoteSizeMax));
  if (!note || note->signatures.size() != 1) {
    r.fail();
    return {};
  }
  return std::move(*note);
}

// What the submitted checkpoint proves about the log besides that it is not to be cosigned.
std::optional<SplitView> evidence_of(const AddCheckpoint& request, const WitnessedLog& log) {
  const TreeHead& last = log.last->checkpoint.head;
  const TreeHead& now = request.checkpoint.checkpoint.head;
  if (now.size == last.size) {
    return split_view(*log.last, request.checkpoint, now.root, {}, log.keys);
  }
  if (request.old_size != last.size || last.size == 0 || now.size < last.size) {
    return std::nullopt;
  }
  const auto roots = roots_of_consistency(last, now.size, request.proof);
  return roots ? split_view(*log.last, request.checkpoint, roots->old_root, request.proof, log.keys)
               : std::nullopt;
}

}  // namespace

std::string encode(const AddCheckpoint& request) {
  return std::string(kOldWord) + ' ' + std::to_string(request.old_size) + '\n' +
         proof_lines(request.proof) + encode(request.checkpoint.note);
}

Result<AddCheckpoint> parse_add_checkpoint(std::string_view body) {
  const auto malformed = [] {
    return fail("trust.witness_request",
                "a request to cosign has the old size, a proof and a checkpoint");
  };
  const auto line = take_line(body);
  const auto old_size = line ? read_number_line(*line, kOldWord) : std::nullopt;
  auto proof = old_size ? take_proof(body) : std::nullopt;
  if (!proof) {
    return malformed();
  }
  auto checkpoint = parse_signed_checkpoint(body);
  if (!checkpoint) {
    return malformed();
  }
  return AddCheckpoint{
      .old_size = *old_size, .proof = std::move(*proof), .checkpoint = std::move(*checkpoint)};
}

std::optional<SplitView> split_view(const SignedCheckpoint& first, const SignedCheckpoint& second,
                                    const Hash256& root, ProofView proof,
                                    std::span<const NoteKey> log_keys) {
  for (const NoteKey& key : log_keys) {
    SplitView out{.first = only(first.note, key),
                  .second = only(second.note, key),
                  .root = root,
                  .proof = {proof.begin(), proof.end()}};
    if (verify_split_view(out, key)) {
      return out;
    }
  }
  return std::nullopt;
}

Bytes encode(const SplitView& evidence) {
  wire::CanonicalWriter w(kSplitViewType, kSplitViewVersion);
  w.text(encode(evidence.first));
  w.text(encode(evidence.second));
  w.fixed(evidence.root);
  w.count(evidence.proof.size());
  for (const Hash256& hash : evidence.proof) {
    w.fixed(hash);
  }
  return std::move(w).take();
}

Result<SplitView> decode_split_view(ByteView encoding) {
  wire::CanonicalReader r(encoding, kSplitViewType, kSplitViewVersion);
  SplitView out;
  out.first = read_note(r);
  out.second = read_note(r);
  out.root = r.fixed<sizeof(Hash256)>();
  for (std::size_t i = r.count(kProofHashesMax); i > 0; --i) {
    out.proof.push_back(r.fixed<sizeof(Hash256)>());
  }
  if (!r.finish()) {
    return wrong_evidence("the evidence is malformed");
  }
  return out;
}

Result<void> verify_split_view(const SplitView& evidence, const NoteKey& log) {
  const auto first = parse_checkpoint(evidence.first.text);
  const auto second = parse_checkpoint(evidence.second.text);
  if (!first || !second || first->origin != second->origin) {
    return wrong_evidence("the evidence does not have two heads of one log");
  }
  const TreeHead other{.size = first->head.size, .root = evidence.root};
  if (other == first->head || !verify_consistency(other, second->head, evidence.proof)) {
    return wrong_evidence("the heads of the evidence do not contradict each other");
  }
  for (const Note* note : {&evidence.first, &evidence.second}) {
    if (!verify_note(*note, {&log, 1})) {
      return wrong_evidence("a head of the evidence is not signed by " + log.name());
    }
  }
  return {};
}

WitnessDecision judge(const AddCheckpoint& request, const WitnessedLog* log) {
  if (log == nullptr) {
    return {.answer = WitnessAnswer::kUnknownOrigin};
  }
  const TreeHead last = log->last ? log->last->checkpoint.head : TreeHead{};
  const TreeHead& now = request.checkpoint.checkpoint.head;
  WitnessDecision out{.answer = WitnessAnswer::kCosign, .size = last.size};
  if (!verify_note(request.checkpoint.note, log->keys)) {
    out.answer = WitnessAnswer::kNotSigned;
  } else if (request.old_size > now.size) {
    out.answer = WitnessAnswer::kSizes;
  } else if (request.old_size != last.size) {
    out.answer = WitnessAnswer::kConflict;
  } else if (!verify_consistency(last, now, request.proof)) {
    out.answer = WitnessAnswer::kInconsistent;
  }
  const bool refused =
      out.answer == WitnessAnswer::kConflict || out.answer == WitnessAnswer::kInconsistent;
  if (refused && log->last) {
    out.evidence = evidence_of(request, *log);
  }
  return out;
}

Result<Cosigned> cosign(const AddCheckpoint& request, const WitnessedLog& log,
                        std::span<const NoteSigner> signers, UnixMillis now) {
  Cosigned out{.last = {.note = {.text = request.checkpoint.note.text, .signatures = {}},
                        .checkpoint = request.checkpoint.checkpoint},
               .lines = {}};
  for (const NoteKey& key : log.keys) {
    std::ranges::move(only(request.checkpoint.note, key).signatures,
                      std::back_inserter(out.last.note.signatures));
  }
  for (const NoteSigner& signer : signers) {
    I2_TRY_VALUE(NoteSignature line, signer.sign(request.checkpoint.note.text, now));
    out.lines += encode(line);
    out.last.note.signatures.push_back(std::move(line));
  }
  return out;
}

}  // namespace i2::trustchain::ct
