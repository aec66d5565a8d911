#include "fleet_services.h"

namespace i2::node {

FleetServices::FleetServices(const Parts& parts)
    : parts_(parts),
      replication_({.runtime = parts.runtime,
                    .fleet = parts.fleet,
                    .trust = parts.trust,
                    .peers = parts.peers,
                    .tasks = parts.tasks,
                    .log = parts.log,
                    .diverged = [this](const NodeId& peer) { forks_.investigate(peer); },
                    .halted = [this] { return forks_.halted(); }}),
      remote_(
          {.runtime = parts.runtime,
           .ledger = parts.fleet.ledger(),
           .trust = parts.trust,
           .peers = parts.peers,
           .tasks = parts.tasks,
           .catch_up = [this](LinkPtr link) { return replication_.catch_up(std::move(link)); }}),
      validators_(
          {.runtime = parts.runtime,
           .fleet = parts.fleet,
           .trust = parts.trust,
           .peers = parts.peers,
           .tasks = parts.tasks,
           .log = parts.log,
           .clock = parts.clock,
           .suite = parts.vote_suite,
           .catch_up = [this] { replication_.follow_all(); },
           .forked =
               [this](fleet::EpochNumber epoch, std::span<const consensus::Evidence> proof) {
                 forks_.found(epoch, proof);
               }}),
      forks_({.runtime = parts.runtime,
              .fleet = parts.fleet,
              .trust = parts.trust,
              .peers = parts.peers,
              .tasks = parts.tasks,
              .log = parts.log,
              .clock = parts.clock,
              .data_dir = parts.data_dir,
              .accuse = [this](const fleet::Convict& proof) { validators_.accuse(proof); },
              .halt = [this](Error why) { validators_.sequencer().halt(std::move(why)); }}),
      sponsor_({.runtime = parts.runtime,
                .fleet = parts.fleet,
                .trust = parts.trust,
                .transport = parts.transport,
                .peers = parts.peers,
                .authority = parts.authority,
                .tasks = parts.tasks,
                .log = parts.log,
                .clock = parts.clock}),
      verbs_({.runtime = parts.runtime,
              .fleet = parts.fleet,
              .trust = parts.trust,
              .transport = parts.transport,
              .peers = parts.peers,
              .validators = validators_,
              .forks = forks_,
              .clock = parts.clock,
              .admits = parts.admits}) {
  parts_.fleet.sequencer().use_remote(remote_);
  parts_.fleet.sequencer().use_voting(validators_.sequencer());
  forks_.recall();
}

void FleetServices::start() {
  parts_.fleet.on_block([this] { block_added(); });
  validators_.start();
  if (parts_.admits) {
    sponsor_.start();
  }
}

void FleetServices::stop() {
  parts_.fleet.on_block({});
  validators_.stop();
}

void FleetServices::block_added() {
  // Those who sealed it know it; who becomes a validator by it does not.
  replication_.block_added([this](const NodeId& peer) { return validators_.votes_with(peer); });
  validators_.block_added();
  if (!left_ && parts_.trust.members()->find_revoked(parts_.trust.node_id()) != nullptr) {
    left_ = true;
    parts_.log.error(
        "fleet", "no_longer_a_member",
        "this node is no longer a member of its fleet: stop it, and join again with an "
        "empty data directory");
    parts_.peers.stop();
  }
}

}  // namespace i2::node
