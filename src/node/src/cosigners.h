// The members that cosign this node's transparency log: asks them after each checkpoint while it is
// the fleet's, and keeps what they said.
//
// In the background: promises wait for nobody. Every witness is asked for the newest checkpoint
// only, one request at a time, at most twice in a second; one that does not answer holds up no
// other.
//
// On the control executor, but for what is marked.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/rt/runtime.h>
#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/core/witness_keys.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "own_log.h"
#include "peers.h"

namespace i2::node {

// A witness has two keys, and a note 32 lines, of which the log's own are some.
inline constexpr std::size_t kCosignersMax = 12;

class Cosigners {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    const Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    const OwnLog& own;
    std::function<void(Bytes note)> look;  // a witness holds another head than this log would have
  };
  explicit Cosigners(Parts parts);
  Cosigners(const Cosigners&) = delete;
  Cosigners& operator=(const Cosigners&) = delete;

  void start();
  void link_up(const LinkPtr& link);
  // The log has a new checkpoint.
  void published();
  void stop();

  // Any thread: the note of that view, and the lines of those who cosigned just that.
  [[nodiscard]] std::string checkpoint(const trustchain::LogView& view) const;
  // Any thread: the checkpoint that most witnesses cosigned, of several the newest. None: nobody
  // has cosigned anything since the start.
  [[nodiscard]] std::optional<trustchain::ct::SignedCheckpoint> cosigned() const;

  struct Standing {
    NodeId node;
    std::string name;
    std::vector<trustchain::ct::NoteKey> keys;
    std::uint64_t size = 0;  // of the last checkpoint that it cosigned
    UnixMillis at = 0;       // when it says that it did
    std::string text;        // of that checkpoint
  };
  // Any thread. Present members, by node id.
  [[nodiscard]] std::vector<Standing> witnesses() const;

 private:
  struct Witness {
    bool asking = false;
    Timestamp not_before = 0;  // it did not answer as wanted
    std::uint64_t size = 0;    // of what it has cosigned, as far as this node knows
    std::optional<trustchain::WitnessKeys> keys;
    // What it cosigned last: the log's note, and its lines.
    trustchain::ct::SignedCheckpoint cosigned;
    std::vector<trustchain::ct::NoteSignature> lines;
    UnixMillis at = 0;
  };
  struct Asked {
    trustchain::ct::SignedCheckpoint checkpoint;
    std::uint64_t old_size = 0;
    bool want_keys = false;
  };
  [[nodiscard]] Task<> run();
  void ask_all();
  // Whom to ask now; they are marked as asked.
  [[nodiscard]] std::vector<LinkPtr> choose();
  [[nodiscard]] Task<> ask(LinkPtr link);
  // Whether to ask again at once: the witness was at another size.
  [[nodiscard]] Task<Result<bool>> ask_once(LinkPtr link);
  [[nodiscard]] Result<void> take(const NodeId& node, const Asked& asked, ByteView keys,
                                  std::string_view lines);
  void add_lines(trustchain::ct::Note& note) const;  // under mutex_

  Parts parts_;
  Wakeup wakeup_;
  Wakeup pause_;
  bool stopping_ = false;
  mutable std::mutex mutex_;
  std::map<NodeId, Witness> witnesses_;
};

}  // namespace i2::node
