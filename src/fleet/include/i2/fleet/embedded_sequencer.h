// EmbeddedSequencer: this node as one of several validators (docs/consensus.md).
//
//   submit(), operations of others ──▶ pool ──▶ blocks when this node leads
//   receive(), wake()              ──▶ consensus::Engine ──▶ VoteMemory (durable), then send()
//   sealed runs                    ──▶ Ledger ──▶ receipts
//
// It works while the present epoch has several validators and this node is one of them, and rests
// otherwise. Everything happens in jobs of `post`, one at a time; no function waits for one.
#pragma once

#include <i2/base/clock.h>
#include <i2/consensus/message.h>
#include <i2/fleet/core/fleet_operations.h>
#include <i2/fleet/ledger.h>
#include <i2/fleet/vote_memory.h>
#include <i2/ports/sequencer.h>

#include <functional>
#include <memory>
#include <span>
#include <variant>

namespace i2::fleet {

// What validators have sent and this node has not looked at yet, of each of them.
inline constexpr std::size_t kIncomingSizeMax = 32 * 1024 * 1024;
inline constexpr std::size_t kFrameSizeMax = consensus::kMessageSizeMax + 1;
// The first byte of a frame (docs/wire/consensus.md, "Stream").
inline constexpr std::uint8_t kEnvelopeFrame = 1;
inline constexpr std::uint8_t kOperationFrame = 2;

class EmbeddedSequencer final : public ports::Sequencer {
 public:
  // Runs a job later on a thread that may block and has a real stack, or never.
  using Post = std::function<void(std::function<void()>)>;
  using Frame = std::shared_ptr<const Bytes>;  // shared: one frame goes to many

  // A validator has lied: this convicts it.
  struct Caught {
    Convict proof;
  };
  // A leader's block is not one that this node could vote for: a fault, a clock, or a lie. That
  // convicts nobody.
  struct Refused {
    NodeId leader;
    consensus::View view = 0;
    Error reason;
  };
  // Others are ahead: blocks have to be fetched.
  struct Behind {};
  // More validators have lied than the fleet bears: there are two histories, and this convicts
  // those who sealed both. Stopped comes next.
  struct Forked {
    consensus::EpochNumber epoch = 0;
    std::vector<consensus::Evidence> proof;
  };
  // Nothing is ordered here any more until a restart.
  struct Stopped {
    Error reason;
  };
  using Report = std::variant<Caught, Refused, Behind, Forked, Stopped>;

  struct Parts {
    Ledger& ledger;
    VoteMemory& memory;
    NodeId self;
    const Clock& clock;
    Post post;
    // To other validators, those that are connected. Must not block; may drop.
    std::function<void(std::span<const NodeId> to, const Frame& frame)> send;
    // wake() is to be called at this time; only the last call counts.
    std::function<void(Timestamp at)> alarm;
    std::function<void(Report)> report;
  };
  explicit EmbeddedSequencer(Parts parts);
  ~EmbeddedSequencer() override;  // stops
  EmbeddedSequencer(const EmbeddedSequencer&) = delete;
  EmbeddedSequencer& operator=(const EmbeddedSequencer&) = delete;

  // ports::Sequencer. Also fleet.not_sequencer, when others order operations.
  void submit(Bytes operation, Done done) override;

  // A frame of another validator. Whether there is room for more of it now.
  bool receive(const NodeId& from, Bytes frame);
  [[nodiscard]] bool has_room(const NodeId& from) const;
  void connected(const NodeId& peer);
  void disconnected(const NodeId& peer);
  void wake();
  // The ledger has changed, perhaps by somebody else.
  void ledger_changed();
  // What this node votes with, made if there is none; `done` as in submit(). Errors: crypto.*,
  // node.*, store.*.
  void make_key(consensus::VoteSuite suite, std::function<void(Result<SetVoteKey>)> done);
  // Nothing is ordered here any more until a restart: `reason` becomes known. Stopped comes next.
  void halt(Error reason);
  // As submit() with fleet.ledger_stopped for what waits and what comes. Not on a thread of `post`.
  void stop();

  struct Status {
    bool votes = false;  // this node is a validator of the present epoch and has its key
    consensus::EpochNumber epoch = 0;
    consensus::View view = 0;
    consensus::View sealed = 0;  // the last one
    std::optional<NodeId> leader;
    bool ready = false;  // enough others have been heard to sign
    bool halted = false;
    std::size_t pending = 0;  // operations
    std::uint64_t refused_proposals = 0;
  };
  [[nodiscard]] Status status() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared: with jobs that `post` still holds
};

}  // namespace i2::fleet
