// Evidence as `i2 consensus evidence` prints it: with what it takes to check it without asking
// anybody. Only for .cc files.
#pragma once

#include <i2/fleet/ledger.h>

#include <nlohmann/json_fwd.hpp>

namespace i2::node {

struct EvidenceEntry {
  NodeId node;
  fleet::EpochNumber epoch = 0;
  UnixMillis at = 0;
  Bytes evidence;       // encoded
  bool ordered = true;  // by an operation, which convicted the node
};

// Reads the ledger: may block. Errors: fleet.ledger_damaged, fleet.state_invalid, store.*.
[[nodiscard]] Result<nlohmann::json> evidence_json(const fleet::Ledger& ledger,
                                                   std::span<const EvidenceEntry> entries);

// The entries of such a document. Error: consensus.evidence_invalid.
[[nodiscard]] Result<std::vector<EvidenceEntry>> read_evidence(ByteView document);

}  // namespace i2::node
