// What an endpoint counts beside EndpointStats: how long handshakes take, and why peers are
// refused. One instance for each worker, written by it alone; any thread may take a
// telemetry::Snapshot.
#pragma once

#include <i2/telemetry/metrics.h>

namespace i2::stoq::core {

using EndpointMetrics = telemetry::Metrics<
    "stoq",
    telemetry::Metric<telemetry::Histogram, "handshake", telemetry::Unit::kNanoseconds,
                      "From the first packet of a connection to a verified peer">,
    // Each reason has an application error code of its own (docs/wire/errors.md).
    telemetry::Metric<telemetry::Counter, "refused_leaf_untrusted", telemetry::Unit::kNone,
                      "Peers whose certificate no authority of the fleet has issued">,
    telemetry::Metric<telemetry::Counter, "refused_leaf_not_yet_valid", telemetry::Unit::kNone,
                      "Peers whose certificate is not valid yet">,
    telemetry::Metric<telemetry::Counter, "refused_leaf_expired", telemetry::Unit::kNone,
                      "Peers whose certificate has expired">,
    telemetry::Metric<telemetry::Counter, "refused_binding_invalid", telemetry::Unit::kNone,
                      "Peers whose binding their registered keys have not signed">,
    telemetry::Metric<telemetry::Counter, "refused_binding_expired", telemetry::Unit::kNone,
                      "Peers whose binding has expired">,
    telemetry::Metric<telemetry::Counter, "refused_member_unknown", telemetry::Unit::kNone,
                      "Peers that are no members">,
    telemetry::Metric<telemetry::Counter, "refused_member_revoked", telemetry::Unit::kNone,
                      "Peers that are no members any more">,
    telemetry::Metric<telemetry::Counter, "refused_hello_signature", telemetry::Unit::kNone,
                      "Peers whose HELLO is not signed by their key">,
    telemetry::Metric<telemetry::Counter, "refused_kex", telemetry::Unit::kNone,
                      "Peers without a post-quantum key exchange">,
    telemetry::Metric<telemetry::Counter, "refused_certificate_revoked", telemetry::Unit::kNone,
                      "Peers whose certificate has been revoked">,
    telemetry::Metric<telemetry::Counter, "refused_sct_missing", telemetry::Unit::kNone,
                      "Peers whose certificate is not in the fleet's log">,
    telemetry::Metric<telemetry::Counter, "refused_pin_mismatch", telemetry::Unit::kNone,
                      "Peers whose certificate another authority issued than they are pinned to">,
    telemetry::Metric<telemetry::Counter, "refused_hello_timeout", telemetry::Unit::kNone,
                      "Peers that sent no HELLO in time">,
    telemetry::Metric<telemetry::Counter, "refused_other", telemetry::Unit::kNone,
                      "Peers that broke the protocol">>;

}  // namespace i2::stoq::core
