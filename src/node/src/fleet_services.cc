#include "fleet_services.h"

namespace i2::node {

FleetServices::FleetServices(const Parts& parts)
    : parts_(parts),
      replication_({.runtime = parts.runtime,
                    .fleet = parts.fleet,
                    .trust = parts.trust,
                    .peers = parts.peers,
                    .tasks = parts.tasks,
                    .log = parts.log}),
      remote_(
          {.runtime = parts.runtime,
           .ledger = parts.fleet.ledger(),
           .peers = parts.peers,
           .tasks = parts.tasks,
           .catch_up = [this](LinkPtr link) { return replication_.catch_up(std::move(link)); }}),
      sponsor_({.runtime = parts.runtime,
                .fleet = parts.fleet,
                .trust = parts.trust,
                .transport = parts.transport,
                .peers = parts.peers,
                .tasks = parts.tasks,
                .log = parts.log,
                .clock = parts.clock}),
      verbs_({.fleet = parts.fleet,
              .trust = parts.trust,
              .transport = parts.transport,
              .peers = parts.peers,
              .clock = parts.clock,
              .admits = parts.admits}) {
  if (!parts_.fleet.orders()) {
    parts_.fleet.use(remote_);
  }
}

void FleetServices::start() {
  parts_.fleet.on_block([this] { block_added(); });
  if (parts_.admits) {
    sponsor_.start();
  }
}

void FleetServices::stop() {
  parts_.fleet.on_block({});
}

void FleetServices::block_added() {
  replication_.block_added();
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
