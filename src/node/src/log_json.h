// What the transparency log says, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "own_log.h"

namespace i2::node {

// RFC 6962 §4.1: the answer of add-chain.
[[nodiscard]] Result<nlohmann::json> sct_json(ByteView sct);
// RFC 6962 §4.3: the answer of get-sth.
[[nodiscard]] Result<nlohmann::json> sth_json(const trustchain::ct::SignedCheckpoint& checkpoint);
// RFC 6962 §4.4 and others: hashes in base64.
[[nodiscard]] nlohmann::json hashes_json(trustchain::ct::ProofView hashes);
// What shows offline that a log of this node, the one that is shown first, has the certificate with
// this fingerprint: under `cosigned`, a checkpoint of the fleet's log that witnesses have signed,
// if that has it, else under the last one. Errors: trust.certificate_not_logged, those of LogView.
[[nodiscard]] Result<nlohmann::json> proof_json(
    const OwnLog& logs, std::string_view fingerprint,
    const std::optional<trustchain::ct::SignedCheckpoint>& cosigned = std::nullopt);

}  // namespace i2::node
