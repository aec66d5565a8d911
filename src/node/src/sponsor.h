// Lets newcomers in: the server's side of `stoq-join/1` (docs/wire/join.md).
//
// They are strangers until their operation is ordered: few at a time, few in a minute, each with a
// deadline, and every attempt in the log. Only a certificate authority can answer one, whose record
// has the newcomer's first certificate like every other.
//
// Runs on the control executor, the exchange itself on that of its connection.
#pragma once

#include <i2/fleet/core/join_exchange.h>
#include <i2/stoq/transport.h>

#include "authority.h"
#include "fleet_ledger.h"
#include "peers.h"
#include "rate_limit.h"

namespace i2::node {

class Sponsor {
 public:
  struct Parts {
    rt::Runtime& runtime;
    FleetLedger& fleet;
    fleet::TrustStore& trust;
    stoq::Transport& transport;
    Peers& peers;
    Authority* authority;  // null where this node is none
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
  };
  explicit Sponsor(const Parts& parts);
  Sponsor(const Sponsor&) = delete;
  Sponsor& operator=(const Sponsor&) = delete;

  // Until the transport shuts down.
  void start();

 private:
  [[nodiscard]] Task<> accept_all();
  [[nodiscard]] Task<> serve(stoq::Connection connection);
  [[nodiscard]] Task<Result<std::string>> exchange(stoq::Connection connection);
  [[nodiscard]] Task<Result<std::string>> answer(stoq::Connection connection, stoq::Stream stream,
                                                 Bytes request);
  [[nodiscard]] Task<Result<fleet::JoinServer::Wanted>> admit(Bytes request);
  [[nodiscard]] Task<std::vector<fleet::PeerHint>> hints(bool same_machine);

  Parts parts_;
  RateLimit limit_;
  std::size_t serving_ = 0;
};

}  // namespace i2::node
