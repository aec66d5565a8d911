// A running node: everything of the project, composed (src/compose.cc), with a beginning and an
// end.
//
// start() brings the layers up in order - data directory, trust, transport, services, admin socket
// - and fails with the error of the first that does not come up. The admin socket comes last: when
// it answers, the node works. They stop in reverse.
//
// Threads: the functions may be called on any thread but those of the node.
#pragma once

#include <i2/base/clock.h>
#include <i2/node/config_keeper.h>
#include <i2/node/log.h>
#include <i2/node/safety.h>
#include <i2/stoq/core/address.h>

#include <memory>

namespace i2::node {

class Node {
 public:
  // The references outlive the node. Errors: node.data_dir_locked (a daemon
  // runs there), fleet.not_joined, fleet.*, trust.*, node.*, stoq.port_in_use, stoq.permission,
  // stoq.address_unavailable, stoq.*; the message begins with the layer that did not come up.
  [[nodiscard]] static Result<std::unique_ptr<Node>> start(ConfigKeeper& config, Mode mode,
                                                           const Clock& clock, const Logger& log);
  // Ends what runs, like shut_down().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Reads the configuration and the members of the fleet from disk again. Returns when that is done
  // or has taken too long; what came of it is in the log.
  void reload();
  // Whether every loop of the node answers within this time. Not on one of them.
  [[nodiscard]] bool responds(Duration within);
  // Refuses new commands, waits for those under way (Config::drain_timeout), says goodbye to the
  // peers and ends. False when something did not end in time; the process should then exit without
  // destroying the node.
  [[nodiscard]] bool shut_down();
  [[nodiscard]] stoq::core::SocketAddress address() const;

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace i2::node
