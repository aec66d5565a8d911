#include "log_json.h"

#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using nlohmann::json;

// Of the log's own line: the time and the DigitallySigned.
struct TreeHeadLine {
  std::uint64_t timestamp = 0;
  Bytes signature;
};
Result<TreeHeadLine> tree_head_line(const ct::Note& note) {
  if (note.signatures.empty()) {
    return fail("trust.note_unsigned", "the checkpoint has no line of the log");
  }
  wire::Reader r(note.signatures.front().signature);  // the log's own line is the first one
  const std::uint64_t timestamp = r.u64();
  return TreeHeadLine{.timestamp = timestamp, .signature = to_bytes(r.rest())};
}

struct Place {
  const trustchain::CtLog* log;
  std::uint64_t index;
};
// Of a certificate that the last checkpoint of some log has.
Result<Place> find_certificate(const OwnLog& logs, const Hash256& fingerprint) {
  for (const trustchain::CtLog* const log : logs.all()) {
    I2_TRY_VALUE(const auto index, log->index().find_certificate(fingerprint));
    if (index && *index < log->view()->size()) {
      return Place{.log = log, .index = *index};
    }
  }
  return fail("trust.certificate_not_logged",
              "the log has no certificate with the fingerprint " + to_hex(fingerprint));
}

}  // namespace

Result<json> sct_json(ByteView sct) {
  I2_TRY_VALUE(const ct::Sct read, ct::decode_sct(sct));
  Bytes signature;
  ct::append_digitally_signed(signature, read.signature);
  return json{{"sct_version", 0},
              {"id", wire::to_base64(read.log_id)},
              {"timestamp", read.timestamp},
              {"extensions", wire::to_base64(read.extensions)},
              {"signature", wire::to_base64(signature)}};
}

Result<json> sth_json(const ct::SignedCheckpoint& checkpoint) {
  I2_TRY_VALUE(const TreeHeadLine line, tree_head_line(checkpoint.note));
  return json{{"tree_size", checkpoint.checkpoint.head.size},
              {"timestamp", line.timestamp},
              {"sha256_root_hash", wire::to_base64(checkpoint.checkpoint.head.root)},
              {"tree_head_signature", wire::to_base64(line.signature)}};
}

json hashes_json(ct::ProofView hashes) {
  json out = json::array();
  for (const Hash256& hash : hashes) {
    out.push_back(wire::to_base64(hash));
  }
  return out;
}

Result<json> proof_json(const OwnLog& logs, std::string_view fingerprint,
                        const std::optional<ct::SignedCheckpoint>& cosigned) {
  const auto hash = wire::hash_from_hex(fingerprint);
  if (!hash) {
    return fail("trust.certificate_not_logged",
                "a fingerprint is SHA-256 of the certificate, 64 hexadecimal digits");
  }
  I2_TRY_VALUE(const auto place, find_certificate(logs, *hash));
  const auto view = place.log->view();
  I2_TRY_VALUE(ct::TlogProof proof, view->proof(place.index));
  // Witnesses cosign the log that this node writes.
  if (cosigned && !place.log->is_closed() && cosigned->checkpoint.head.size > place.index) {
    proof.checkpoint = *cosigned;
    I2_TRY_VALUE(proof.proof, view->inclusion_proof(place.index, cosigned->checkpoint.head.size));
  }
  const ct::TreeHead& head = proof.checkpoint.checkpoint.head;
  I2_TRY_VALUE(json sth, sth_json(proof.checkpoint));
  const Hash256 log_id = place.log->keys().front().key().spki_sha256();
  return json{{"fingerprint", to_hex(*hash)},
              {"log_id", wire::to_base64(log_id)},
              {"sequence_number", place.index},
              {"tree_size", head.size},
              {"leaf_hash", wire::to_base64(ct::leaf_hash(ByteView(proof.extra)))},
              {"inclusion_proof", hashes_json(proof.proof)},
              {"root_hash", wire::to_base64(head.root)},
              {"sth", std::move(sth)},
              {"tlog_proof", ct::encode(proof)}};
}

}  // namespace i2::node
