// What the daemon does for `i2`: the handlers of the admin socket and the JSON they answer with.
#pragma once

#include <i2/node/config_keeper.h>

#include <optional>

#include "admin_server.h"
#include "arrivals.h"
#include "collector.h"
#include "layers.h"
#include "peers.h"
#include "replication.h"

namespace i2::node {

class Verbs {
 public:
  struct Parts {
    ConfigKeeper& config;
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    const fleet::OrdinaryCertificates& ordinary;
    stoq::Transport& transport;
    Peers& peers;
    FleetLedger& fleet;
    Replication& replication;
    Arrivals& arrivals;
    const Layers& layers;
    Collector& collector;
    const Clock& clock;
    const Logger& log;
    std::optional<stoq::SocketAddress> http;  // where it is served over TCP
  };
  explicit Verbs(Parts parts);
  Verbs(const Verbs&) = delete;
  Verbs& operator=(const Verbs&) = delete;

  void attach(AdminServer& server);

 private:
  [[nodiscard]] Task<Result<std::string>> status(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> peers(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> path(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> ping(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> send(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> recv(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> bench(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> reload(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> config_reload(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> config_show(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> metrics(AdminCallPtr call);
  [[nodiscard]] Task<Result<std::string>> health(AdminCallPtr call);

  Parts parts_;
  const Timestamp started_;
};

}  // namespace i2::node
