// What an EmbeddedSequencer does in its jobs. embedded_sequencer.cc runs them, embedded_engine.cc
// carries out what the engine wants, embedded_operations.cc keeps the pool.
#pragma once

#include <i2/fleet/embedded_sequencer.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "operation_pool.h"
#include "stopping.h"

namespace i2::fleet {

inline consensus::PayloadId payload_of(const Chain& chain) {
  return payload_id(tip(chain));
}

inline EmbeddedSequencer::Frame make_frame(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  append(out, content);
  return std::make_shared<const Bytes>(std::move(out));
}

inline Error not_validator() {
  return {"fleet.not_sequencer", "this node is no validator of the fleet now"};
}

struct EmbeddedSequencer::Core : std::enable_shared_from_this<Core> {
  explicit Core(Parts given) : parts(std::move(given)) {}

  struct Received {
    NodeId from;
    Bytes frame;
  };
  struct Connected {
    NodeId peer;
  };
  struct Disconnected {
    NodeId peer;
  };
  struct Nudge {};  // time, or the ledger
  struct Submitted {
    Bytes operation;
    Done done;
  };
  struct KeyWanted {
    consensus::VoteSuite suite;
    std::function<void(Result<SetVoteKey>)> done;
  };
  // The ledger is on disk with everything that was sealed up to a view.
  struct Synced {
    consensus::EpochNumber epoch = 0;
    consensus::View view = 0;
    Result<void> result;
  };
  struct HaltWanted {
    Error reason;
  };
  using Event = std::variant<Received, Connected, Disconnected, Nudge, Submitted, KeyWanted, Synced,
                             HaltWanted>;

  // A block that has been executed and is not sealed yet.
  struct Candidate {
    BlockBuilder::Built built;
    std::vector<OperationId> operations;
    std::size_t size = 0;  // encoded
  };

  const Parts parts;

  // For every thread.
  std::atomic<std::uint64_t> seen_height = 0;  // of the ledger, by the last job
  mutable std::mutex mutex;
  std::condition_variable idle;
  std::deque<Event> events;
  std::map<NodeId, std::size_t> incoming;  // bytes of frames in `events`
  bool scheduled = false;                  // a job is posted or running
  bool running = false;
  bool syncing = false;  // the ledger, in a job of its own
  bool stopped = false;
  Status status;

  // For the job alone.
  std::shared_ptr<const Chain> sealed;                 // shared: the ledger's
  EpochRecord epoch;                                   // without validators before the first look
  std::shared_ptr<const consensus::ValidatorSet> set;  // shared: with the engine
  std::vector<NodeId> others;                          // who validate in the epoch
  std::optional<consensus::Engine> engine;
  std::map<consensus::PayloadId, Candidate> candidates;
  OperationPool pool;
  std::set<NodeId> peers;
  std::optional<Timestamp> behind_said;
  bool pool_grew = false;  // or an operation's turn may have come
  bool failed = false;
  std::uint64_t refused_proposals = 0;
  std::optional<consensus::View> unsynced;  // sealed, and in the ledger, but not on disk there
  Timestamp sync_at = kNever;               // when it is to be
  bool sync_posted = false;

  void add(Event event);
  static void turn_away(const Event& event);
  std::deque<Event> take();
  void run();
  void settle();
  void publish();

  void on(Received event);
  void on(const Connected& event);
  void on(const Disconnected& event);
  void on(const Nudge&) {}
  void on(Submitted event);
  void on(KeyWanted event);
  void on(const Synced& event);
  void on(HaltWanted event);

  // The engine and what it wants.
  void refresh();
  [[nodiscard]] Result<void> begin_epoch(EpochRecord next);
  void carry_out(std::vector<consensus::Action> actions);
  void on(const consensus::Remember&) {}  // has been done
  void on(const consensus::Broadcast& action);
  void on(const consensus::Send& action);
  void on(const consensus::Build& action);
  void on(const consensus::Validate& action);
  void on(const consensus::Commit& action);
  void on(const consensus::Accuse& action);
  void on(const consensus::CatchUp&) { report_behind(); }
  void on(const consensus::Halt& action);
  [[nodiscard]] Result<const Candidate*> execute(const consensus::PayloadId& payload,
                                                 ByteView encoding);
  [[nodiscard]] Result<const Candidate*> validate(const consensus::Validate& action);
  [[nodiscard]] Result<void> commit(const consensus::Commit& action);
  // None when it is too large to be shown to anybody.
  [[nodiscard]] std::optional<Run::Account> account_of(const consensus::Commit& action) const;
  void forget_sealed();
  void sync_later();
  void sync(consensus::EpochNumber of, consensus::View view);
  void send(consensus::ValidatorIndex to, const Frame& frame);
  void broadcast(const Frame& frame);
  [[nodiscard]] Frame frame_of(const consensus::Message& message) const;
  void report_behind();
  void fail_with(Error reason);

  // Operations.
  void admit(const Operation& decoded, Bytes operation, Done done);
  [[nodiscard]] Result<void> check(const Chain& chain, const Bytes& operation, bool verified,
                                   bool& early) const;
  void refuse(const OperationId& which, const Error& error);
  void refuse_all(const Error& error);
  void settle_old(const OperationId& which);
  void answer(const Candidate& candidate);
  void review();
  [[nodiscard]] Timestamp remind(Timestamp now);
  [[nodiscard]] bool has_demand() const;
  [[nodiscard]] const Chain* chain_of(const consensus::PayloadId& payload) const;
  [[nodiscard]] std::set<OperationId> ordered_up_to(consensus::PayloadId payload) const;
};

}  // namespace i2::fleet
