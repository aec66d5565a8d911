// CtLog: a Certificate Transparency log that this process writes.
//
//   add(), add_chain() ──▶ pool ──▶ rounds: bundle, checkpoint, tiles, index ──▶ promises (SCTs)
//   view() ──▶ what readers see: the last checkpoint and everything below it
//
// There is one round at a time, and the next one begins when it is over, behind the jobs that wait
// then, with what has come meanwhile: a log without load answers after one sync of the disk, a busy
// one syncs for thousands of entries at once. No promise leaves before its entry is durable and
// published, so the maximum merge delay is that of a round. What an error in the middle of a round
// leaves open is found out when the log is opened again; until then nothing is added
// (trust.log_stopped).
//
// A closed log has no private key and signs nothing any more: it serves what it holds.
//
// Thread-safe. Rounds are jobs of `post`; no function waits for one but stop().
#pragma once

#include <i2/base/clock.h>
#include <i2/crypto/key.h>
#include <i2/trustchain/core/ct/note_key.h>
#include <i2/trustchain/core/ct/submission.h>
#include <i2/trustchain/log_client.h>
#include <i2/trustchain/log_index.h>
#include <i2/trustchain/log_view.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace i2::trustchain {

// What waits for a round: submissions, and their size.
inline constexpr std::size_t kLogPoolMax = 16'384;
inline constexpr std::size_t kLogPoolSizeMax = 64 * 1024 * 1024;

// trust.log_restored: what a closed log says to whoever wants a promise.
[[nodiscard]] Error log_restored();

class CtLog final : public LogClient {
 public:
  // Runs a job later on a thread that may block and has a real stack, or never.
  using Post = std::function<void(std::function<void()>)>;

  struct Parts {
    LogObjects& objects;
    LogLock& lock;
    LogIndex& index;
    std::filesystem::path
        guard;           // the file that knows how far the log had come (store/head_file.h)
    std::string origin;  // the log's name: ct::is_key_name(), at most 255 bytes
    std::optional<crypto::PrivateKey> key;  // P-256: signs checkpoints and promises
    std::vector<ct::NoteSigner> cosigners;  // other keys of the log, on each checkpoint
    std::function<std::vector<crypto::Certificate>()> roots;  // accepted now; on any thread
    const Clock& clock;
    Post post;
    // Whether so many bytes may be written: store.disk_full says no before anything is begun, so
    // that the log goes on when there is room again.
    std::function<Result<void>(std::size_t size)> room;
    std::function<void(const Error& why)> stopped;  // once, on a thread of `post`
    std::function<void()>
        published{};  // after each checkpoint, on a thread of `post`; may be empty
    // Whether the log may promise anything now: trust.log_fenced says that another one has taken
    // its place. Asked before each round, on a thread of `post`; empty: it may.
    std::function<Result<void>()> fence{};
  };
  enum class Mode : std::uint8_t {
    kExisting,  // trust.log_missing when there is none
    kCreate,    // makes one when there never was one
  };
  // Everything in `parts` outlives the log. Errors: trust.log_missing, trust.log_backwards (the
  // files are older than the guard), trust.checkpoint_invalid, trust.note_*, trust.tile_damaged,
  // trust.log_entry_invalid, trust.bundle_invalid, trust.log_object_*, trust.log_lock_lost,
  // store.*.
  [[nodiscard]] static Result<std::unique_ptr<CtLog>> open(Parts parts, Mode mode);
  // One that was restored from a backup: what came after that is not in it, and a second tree of a
  // size that it has signed would be a split view. `keys`: as keys() gave them. Of `parts` it uses
  // objects, lock, index, origin, roots. Whoever adds gets trust.log_restored. Errors:
  // trust.log_missing, trust.checkpoint_invalid, trust.note_*, trust.tile_damaged,
  // trust.log_entry_invalid, trust.bundle_invalid, trust.log_object_*, store.*.
  [[nodiscard]] static Result<std::unique_ptr<CtLog>> open_closed(Parts parts,
                                                                  std::vector<ct::NoteKey> keys);
  ~CtLog() override;  // stops
  CtLog(const CtLog&) = delete;
  CtLog& operator=(const CtLog&) = delete;

  void add(const crypto::Certificate& precertificate, std::vector<crypto::Certificate> chain,
           Done done) override;
  // As add(), of anybody's: `chain` as for ct::make_submission(). Other errors: those of
  // Parts::room and fence.
  void add_chain(ct::EntryType type, std::vector<crypto::Certificate> chain, Done done);
  void add_submission(ct::ChainSubmission submission, Done done);

  // A checkpoint of the present time. To be called at least once a minute: the log promises that
  // its last checkpoint is never older.
  void refresh();
  // Whoever waits is answered with trust.log_stopped. Not on a thread of `post`.
  void stop();

  // Valid as long as the log. Proofs by hash or fingerprint begin with index().
  [[nodiscard]] std::shared_ptr<const LogView> view() const;
  [[nodiscard]] const LogIndex& index() const;
  [[nodiscard]] const Parts& parts() const;
  [[nodiscard]] bool is_closed() const;
  // The keys whose lines the checkpoints have, the log's own first.
  [[nodiscard]] std::vector<ct::NoteKey> keys() const;
  // From now on the certificate that was made of a logged precertificate is found by its
  // fingerprint. Errors: trust.log_entry_invalid (it is not logged), crypto.*, store.*.
  [[nodiscard]] Result<void> add_name(const crypto::Certificate& certificate,
                                      const crypto::Certificate& issuer);

  struct Stats {
    std::uint64_t entries = 0;
    std::uint64_t rounds = 0;    // since the log was opened
    std::uint64_t promises = 0;  // likewise, also those given again
    std::uint64_t refused = 0;   // likewise: submissions answered with an error
    std::size_t waiting = 0;     // submissions
    UnixMillis checkpoint = 0;   // the time of the last one
    bool stopped = false;
  };
  [[nodiscard]] Stats stats() const;

 private:
  struct Core;
  explicit CtLog(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;  // shared: with jobs that `post` still holds
};

}  // namespace i2::trustchain
