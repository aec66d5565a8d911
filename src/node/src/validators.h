// This node among the fleet's validators: streams to and from the others, and what the engine
// reports (docs/consensus.md, docs/wire/consensus.md).
//
// Whoever validates keeps one stream to every other validator it is connected to and sends on it;
// what it hears comes on theirs. A peer that does not read gets its stream reset, never waited for.
//
// Everything but what the engine calls runs on the control executor.
#pragma once

#include <i2/fleet/embedded_sequencer.h>
#include <i2/stoq/rpc.h>

#include <atomic>
#include <map>
#include <memory>
#include <span>

#include "fleet_ledger.h"
#include "peers.h"

namespace i2::node {

class Validators {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    consensus::VoteSuite suite;  // of a key that is made
    // Others have blocks that this node lacks.
    std::function<void()> catch_up;
    // Others have other blocks, and this is what the engine can prove of why.
    std::function<void(fleet::EpochNumber, std::span<const consensus::Evidence>)> forked;
  };
  explicit Validators(Parts parts);
  Validators(const Validators&) = delete;
  Validators& operator=(const Validators&) = delete;

  // Streams of other validators, and fleet.Validators/Prepare.
  void attach(stoq::StreamDispatcher& dispatcher);
  void attach(stoq::RpcServer& server);
  [[nodiscard]] fleet::EmbeddedSequencer& sequencer() { return sequencer_; }

  void start();
  void stop();
  void link_up(const LinkPtr& link) { open_channel(link->peer); }
  void block_added();
  // Says so, and hands in the proof.
  void accuse(const fleet::Convict& proof);
  // Both of us are validators now: the peer hears of blocks by the votes for them.
  [[nodiscard]] bool votes_with(const NodeId& peer) const;

  // Makes sure that `node` and every present validator have said what they vote with, so that
  // `node` can become one of them. Errors: fleet.sequencer_unreachable (one of them cannot be
  // asked), those of Sequencer::submit().
  [[nodiscard]] Task<Result<void>> prepare(NodeId node);

 private:
  struct Channel;
  using ChannelPtr = std::shared_ptr<Channel>;  // shared: with the task that writes

  void report(fleet::EmbeddedSequencer::Report report);
  void on(const fleet::EmbeddedSequencer::Caught& caught) { accuse(caught.proof); }
  void on(const fleet::EmbeddedSequencer::Refused& refused);
  void on(const fleet::EmbeddedSequencer::Behind& behind);
  void on(const fleet::EmbeddedSequencer::Forked& forked) {
    parts_.forked(forked.epoch, forked.proof);
  }
  void on(const fleet::EmbeddedSequencer::Stopped& stopped);
  void send(std::span<const NodeId> to, const fleet::EmbeddedSequencer::Frame& frame);
  void set_alarm(Timestamp at);
  [[nodiscard]] Task<> ring();
  void read_epoch();
  void confirm_epoch();
  void open_channel(const NodeId& peer);
  [[nodiscard]] Task<> write(ChannelPtr channel);
  [[nodiscard]] Task<> keep_writing(ChannelPtr channel);
  [[nodiscard]] Task<> channel_ended(ChannelPtr channel);
  [[nodiscard]] Task<> read(stoq::Connection connection, stoq::Stream stream);
  [[nodiscard]] Task<Result<Bytes>> serve_prepare(stoq::CallContext context, Bytes request);
  [[nodiscard]] Task<Result<void>> prepare_self();

  using NodeSet = std::set<NodeId>;
  Parts parts_;
  std::atomic<std::shared_ptr<const NodeSet>> validators_;  // shared: readers on any thread
  std::mutex channels_mutex_;
  std::map<NodeId, ChannelPtr> channels_;
  std::atomic<Timestamp> alarm_ = kNever;  // when the engine wants to be woken
  std::atomic<Timestamp> armed_ = kNever;  // when ring() looks
  Wakeup alarm_changed_;
  fleet::EpochRecord epoch_;
  std::optional<fleet::EpochNumber> to_confirm_;  // ended with this node as one of its validators
  bool stopping_ = false;
  fleet::EmbeddedSequencer sequencer_;
};

}  // namespace i2::node
