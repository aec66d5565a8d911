// This node as a witness of the fleet's logs: what it cosigned last, and the evidence against them.
//
//   <data-dir>/witness/ed25519.pem, ml-dsa.pem   the keys with which it cosigns
//   <data-dir>/witness/keys                      the identity's statement of them (witness_keys.h)
//   <data-dir>/witness/heads/                    of each log the last cosigned head, a signed note
//   <data-dir>/witness/evidence/                 one file for each key of a log that is convicted
//
// A cosignature leaves only after its head is on the disk. No backup has the folder, so a node that
// was restored cosigns under new keys and never takes back what it said under the old ones.
//
// Thread-safe. Functions that write wait for the disk.
#pragma once

#include <i2/trustchain/core/ct/witness.h>
#include <i2/trustchain/core/trust_state.h>
#include <i2/trustchain/core/witness_keys.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace i2::node {

// A log as the fleet's state names it.
struct KnownLog {
  std::string origin;
  NodeId holder;
  // Each of them signs every head, so that who can forge one kind of signature shows nothing.
  // Those that a quantum computer cannot forge come first.
  std::vector<trustchain::ct::NoteKey> keys;
};
// Error: fleet.state_invalid.
[[nodiscard]] Result<KnownLog> known_log(const trustchain::LogRecord& record);
// Origin and own key: another log may come under the same origin.
[[nodiscard]] std::string id_of(const KnownLog& log);
[[nodiscard]] bool is_head_of(const trustchain::ct::SignedCheckpoint& head, const KnownLog& log);

class LogWitness {
 public:
  // Makes what is missing in a folder without a statement. Errors: trust.witness_damaged,
  // node.secret_exposed, node.file_failed, crypto.*.
  [[nodiscard]] static Result<std::unique_ptr<LogWitness>> open(std::filesystem::path dir,
                                                                const ChainId& chain,
                                                                const trustchain::HybridKey& id,
                                                                const Clock& clock);
  LogWitness(const LogWitness&) = delete;
  LogWitness& operator=(const LogWitness&) = delete;

  struct Answer {
    trustchain::ct::WitnessAnswer answer = trustchain::ct::WitnessAnswer::kUnknownOrigin;
    std::uint64_t size = 0;  // of the last cosigned head
    std::string lines{};     // of kCosign
    bool convicted = false;  // the request was the proof, and nothing had been known before
  };
  // As ct::judge(), and kInconsistent for whatever a convicted log asks. `log` null: unknown.
  // Errors: node.file_failed, crypto.sign; nothing is cosigned then.
  [[nodiscard]] Result<Answer> add_checkpoint(const trustchain::ct::AddCheckpoint& request,
                                              const KnownLog* log);
  [[nodiscard]] std::optional<trustchain::ct::SignedCheckpoint> last(const KnownLog& log) const;

  // Keeps evidence against a key of the log. False: there was some already. Errors:
  // trust.evidence_invalid, node.file_failed.
  [[nodiscard]] Result<bool> convict(const trustchain::ct::SplitView& evidence,
                                     const KnownLog& log);
  [[nodiscard]] std::vector<trustchain::ct::SplitView> evidence() const;
  // Some of it, when there is any against a key of that log.
  [[nodiscard]] std::optional<trustchain::ct::SplitView> evidence_against(
      const KnownLog& log) const;

  // Encoded.
  [[nodiscard]] const Bytes& statement() const { return statement_; }
  [[nodiscard]] std::vector<trustchain::ct::NoteKey> keys() const;

  struct Stats {
    std::uint64_t cosigned = 0;  // since the start
    std::uint64_t refused = 0;   // likewise
  };
  [[nodiscard]] Stats stats() const;

 private:
  LogWitness(std::filesystem::path dir, const Clock& clock) : dir_(std::move(dir)), clock_(clock) {}
  [[nodiscard]] Result<void> make_keys(const ChainId& chain, const trustchain::HybridKey& id);
  [[nodiscard]] Result<void> load_keys(const ChainId& chain, const trustchain::HybridKey& id);
  [[nodiscard]] Result<void> load_heads();
  [[nodiscard]] Result<void> load_evidence();
  [[nodiscard]] Result<void> keep(const std::string& file,
                                  const trustchain::ct::SignedCheckpoint& head);
  [[nodiscard]] Result<bool> keep(const trustchain::ct::SplitView& evidence);
  // Under mutex_; null: none.
  [[nodiscard]] const trustchain::ct::SplitView* find_evidence(const KnownLog& log) const;

  const std::filesystem::path dir_;
  const Clock& clock_;
  std::vector<trustchain::ct::NoteSigner> signers_;
  Bytes statement_;
  mutable std::mutex mutex_;
  std::map<std::string, trustchain::ct::SignedCheckpoint> heads_;  // by file
  std::map<std::string, trustchain::ct::SplitView> evidence_;      // by file
  Stats stats_;
};

}  // namespace i2::node
