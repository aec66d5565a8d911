// Proofs that no operation can order any more, because the fleet has halted:
//
//   <data-dir>/evidence/epoch-N.json   what `i2 consensus evidence --json` prints
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/consensus/validator_set.h>

#include <filesystem>
#include <vector>

namespace i2::fleet {

[[nodiscard]] std::filesystem::path evidence_dir(const std::filesystem::path& data_dir);
// Where it is now, durably; an earlier one of that epoch is replaced. Errors: node.disk_full,
// node.file_failed.
[[nodiscard]] Result<std::filesystem::path> keep_evidence(const std::filesystem::path& data_dir,
                                                          consensus::EpochNumber epoch,
                                                          ByteView document);
// What is kept there; nothing mostly. Error: node.file_failed.
[[nodiscard]] Result<std::vector<Bytes>> kept_evidence(const std::filesystem::path& data_dir);

}  // namespace i2::fleet
