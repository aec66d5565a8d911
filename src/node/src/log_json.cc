#include "log_json.h"

#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using nlohmann::json;

// The DigitallySigned of the log's own line.
Result<Bytes> tree_head_signature(const trustchain::LogView& view) {
  I2_TRY_VALUE(const auto note, ct::parse_note(view.note()));
  // The log's own line is the first one; a u64 with the time is in front.
  wire::Reader r(note.signatures.front().signature);
  r.u64();
  return to_bytes(r.rest());
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

Result<json> sth_json(const trustchain::LogView& view) {
  I2_TRY_VALUE(const Bytes signature, tree_head_signature(view));
  return json{{"tree_size", view.size()},
              {"timestamp", view.head().timestamp},
              {"sha256_root_hash", wire::to_base64(view.head().tree.root)},
              {"tree_head_signature", wire::to_base64(signature)}};
}

json hashes_json(ct::ProofView hashes) {
  json out = json::array();
  for (const Hash256& hash : hashes) {
    out.push_back(wire::to_base64(hash));
  }
  return out;
}

Result<json> proof_json(const trustchain::CtLog& log, std::string_view fingerprint) {
  const auto hash = wire::hash_from_hex(fingerprint);
  if (!hash) {
    return fail("trust.certificate_not_logged",
                "a fingerprint is SHA-256 of the certificate, 64 hexadecimal digits");
  }
  const auto view = log.view();
  I2_TRY_VALUE(const auto index, log.index().find_certificate(*hash));
  if (!index || *index >= view->size()) {
    return fail("trust.certificate_not_logged",
                "the log has no certificate with the fingerprint " + to_hex(*hash));
  }
  I2_TRY_VALUE(const ct::TlogProof proof, view->proof(*index));
  I2_TRY_VALUE(json sth, sth_json(*view));
  const Hash256 log_id = log.keys().front().key().spki_sha256();
  return json{{"fingerprint", to_hex(*hash)},
              {"log_id", wire::to_base64(log_id)},
              {"sequence_number", *index},
              {"tree_size", view->size()},
              {"leaf_hash", wire::to_base64(ct::leaf_hash(ByteView(proof.extra)))},
              {"inclusion_proof", hashes_json(proof.proof)},
              {"root_hash", wire::to_base64(view->head().tree.root)},
              {"sth", std::move(sth)},
              {"tlog_proof", ct::encode(proof)}};
}

}  // namespace i2::node
