// The keys of this node's transparency log, made with the log.
//
//   <data-dir>/ct/keys/log.pem       P-256: checkpoints and promises
//   <data-dir>/ct/keys/ml-dsa.pem    ML-DSA-44 and Falcon-1024: a line of each on every checkpoint,
//   <data-dir>/ct/keys/falcon.pem    which a quantum computer cannot forge
#pragma once

#include <i2/crypto/key.h>
#include <i2/trustchain/core/ct/note_key.h>

#include <filesystem>
#include <string>
#include <vector>

namespace i2::node {

struct LogKeys {
  crypto::PrivateKey key;
  std::vector<trustchain::ct::NoteSigner> cosigners;
};

// Makes those that are missing when `may_make`. Errors: node.secret_exposed, node.file_failed,
// crypto.*, trust.note_key.
[[nodiscard]] Result<LogKeys> load_log_keys(const std::filesystem::path& dir,
                                            const std::string& origin, bool may_make);

// The public keys of a closed log, one vkey a line, the log's own first.
// Errors: node.secret_exposed, node.file_failed, trust.note_key.
[[nodiscard]] Result<std::vector<trustchain::ct::NoteKey>> read_public_log_keys(
    const std::filesystem::path& path);
[[nodiscard]] std::string public_log_keys(const LogKeys& keys, const std::string& origin);

}  // namespace i2::node
