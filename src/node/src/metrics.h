// The node's metrics, defined once (i2/telemetry/metrics.h). docs/reference/metrics.md lists them.
#pragma once

#include <i2/telemetry/metrics.h>

namespace i2::node {

using telemetry::Counter;
using telemetry::Gauge;
using telemetry::Histogram;
using telemetry::Metric;
using telemetry::Metrics;
using telemetry::Unit;

// Of a worker of the transport, from stoq::TransportStats.
using TransportMetrics = Metrics<
    "stoq", Metric<Counter, "sent", Unit::kBytes, "UDP payload sent">,
    Metric<Counter, "received", Unit::kBytes, "UDP payload received">,
    Metric<Counter, "send_calls", Unit::kNone, "System calls that sent">,
    Metric<Counter, "receive_calls", Unit::kNone, "System calls that received">,
    Metric<Counter, "unsent_datagrams", Unit::kNone, "Datagrams that the kernel did not take">,
    Metric<Gauge, "connections", Unit::kNone, "Connections, also those being set up or closed">,
    Metric<Counter, "received_datagrams", Unit::kNone, "Datagrams received">,
    Metric<Counter, "dropped_datagrams", Unit::kNone,
           "Datagrams that belong to nothing, cannot be read or exceed a limit">,
    Metric<Counter, "retries", Unit::kNone, "Clients asked to prove their address">,
    Metric<Counter, "version_negotiations", Unit::kNone, "Clients told which versions are spoken">,
    Metric<Counter, "stateless_resets", Unit::kNone, "Peers told that a connection is not known">,
    Metric<Counter, "accepted_connections", Unit::kNone, "Connections that peers began">,
    Metric<Counter, "opened_connections", Unit::kNone, "Connections that this node began">,
    Metric<Counter, "established_connections", Unit::kNone, "Connections with a verified peer">,
    Metric<Counter, "failed_handshakes", Unit::kNone, "Handshakes that did not finish">,
    Metric<Counter, "refused_peers", Unit::kNone, "Peers whose identity was not accepted">>;

// The others are written on the control executor.
using FleetMetrics =
    Metrics<"fleet", Metric<Gauge, "members", Unit::kNone, "Members of the fleet, with this node">,
            Metric<Gauge, "connected_peers", Unit::kNone, "Members that are connected">,
            Metric<Gauge, "certificate_expiry", Unit::kNanoseconds,
                   "Until this node's certificate expires; negative when it has">,
            Metric<Gauge, "height", Unit::kNone, "Blocks that this node has">,
            Metric<Gauge, "epoch", Unit::kNone, "The present epoch">,
            Metric<Gauge, "validators", Unit::kNone, "Members that order operations in it">,
            Metric<Gauge, "tolerated_faults", Unit::kNone,
                   "Validators that may lie or be away without harm">,
            Metric<Gauge, "connected_validators", Unit::kNone,
                   "Validators that this node reaches, itself included">,
            Metric<Gauge, "view", Unit::kNone, "Where the validator is in the epoch, else 0">,
            Metric<Gauge, "pending_operations", Unit::kNone,
                   "Operations that wait for a place at this validator">,
            Metric<Counter, "refused_proposals", Unit::kNone,
                   "Blocks of other validators that this one could not vote for">,
            Metric<Gauge, "convicted_validators", Unit::kNone, "Validators caught lying">>;

// From the state.
using TrustMetrics = Metrics<
    "trust", Metric<Gauge, "indexed_certificates", Unit::kNone, "Certificates in the index">,
    Metric<Gauge, "revoked_certificates", Unit::kNone, "Certificates that are revoked by number">,
    Metric<Gauge, "revoked_accounts", Unit::kNone, "Accounts whose certificates are revoked">,
    Metric<Gauge, "convicted_authorities", Unit::kNone,
           "Authorities that issued what no state authorises">>;

// From trustchain::CertificateAuthority::Stats.
using AuthorityMetrics =
    Metrics<"trust", Metric<Counter, "issued_certificates", Unit::kNone, "Certificates issued">,
            Metric<Counter, "refused_requests", Unit::kNone, "Requests for certificates refused">,
            Metric<Counter, "failed_certificates", Unit::kNone,
                   "Certificates that were allowed and not made">,
            Metric<Gauge, "waiting_requests", Unit::kNone, "Requests that wait for their turn">>;

// From trustchain::AcmeService::Stats.
using AcmeMetrics = Metrics<
    "acme", Metric<Counter, "requests", Unit::kNone, "ACME requests">,
    Metric<Counter, "refused_requests", Unit::kNone, "Those answered with 4xx">,
    Metric<Counter, "failed_requests", Unit::kNone, "Those answered with 5xx">,
    Metric<Counter, "validations", Unit::kNone, "Challenges that proved a name">,
    Metric<Counter, "issued_certificates", Unit::kNone, "Certificates issued to ACME clients">,
    Metric<Counter, "refused_orders", Unit::kNone, "Orders that got no certificate">,
    Metric<Counter, "revoked_certificates", Unit::kNone, "Certificates that clients took back">,
    Metric<Gauge, "waiting", Unit::kNone, "Checks and issuances under way">,
    Metric<Gauge, "closed", Unit::kNone, "1 when records cannot be written">>;
using AcmeFailureMetrics =
    Metrics<"acme", Metric<Counter, "failed_validations", Unit::kNone,
                           "Challenges that proved nothing, by the code of the error">>;

using FileMetrics =
    Metrics<"files", Metric<Counter, "received", Unit::kNone, "Files received and verified">,
            Metric<Counter, "received", Unit::kBytes, "Their size">,
            Metric<Counter, "failed_receptions", Unit::kNone, "Files that did not arrive whole">,
            Metric<Counter, "sent", Unit::kNone, "Files that a peer has verified">,
            Metric<Counter, "sent", Unit::kBytes, "Their size">>;

using AdminMetrics =
    Metrics<"admin", Metric<Counter, "requests", Unit::kNone, "Requests of clients">,
            Metric<Counter, "failed_requests", Unit::kNone, "Those answered with an error">,
            Metric<Counter, "refused_clients", Unit::kNone, "Clients beyond the limit">,
            Metric<Gauge, "clients", Unit::kNone, "Clients that are connected">,
            Metric<Histogram, "request", Unit::kNanoseconds, "How long requests take">>;

// From gateway::GatewayStats.
using GatewayMetrics = Metrics<
    "gateway", Metric<Counter, "http1_requests", Unit::kNone, "Requests by HTTP/1.1">,
    Metric<Counter, "http2_requests", Unit::kNone, "Requests by HTTP/2">,
    Metric<Counter, "http3_requests", Unit::kNone, "Requests by HTTP/3">,
    Metric<Counter, "refused_requests", Unit::kNone, "Requests answered with 4xx">,
    Metric<Counter, "failed_requests", Unit::kNone, "Requests answered with 5xx">,
    Metric<Gauge, "tcp_connections", Unit::kNone, "TCP connections">,
    Metric<Counter, "accepted_tcp_connections", Unit::kNone, "TCP connections accepted">,
    Metric<Counter, "dropped_tcp_connections", Unit::kNone,
           "TCP connections closed for want of room">,
    Metric<Gauge, "http3_connections", Unit::kNone, "HTTP/3 connections">,
    Metric<Counter, "accepted_http3_connections", Unit::kNone, "HTTP/3 connections accepted">>;

// Of the fleet's transparency log, as this node sees it.
using FleetLogMetrics =
    Metrics<"ct", Metric<Gauge, "fleet_log_epoch", Unit::kNone, "How often the fleet's log moved">,
            Metric<Gauge, "fleet_log_unreachable", Unit::kNanoseconds,
                   "For how long it has not answered; 0 while it does">,
            Metric<Counter, "takeovers", Unit::kNone,
                   "How often this node made its log the fleet's since the start">>;

// Of the transparency log, on a node that has one.
using TransparencyMetrics = Metrics<
    "ct", Metric<Gauge, "entries", Unit::kNone, "Entries of the transparency log">,
    Metric<Counter, "rounds", Unit::kNone, "Checkpoints that it signed">,
    Metric<Counter, "promises", Unit::kNone, "SCTs that it handed out">,
    Metric<Counter, "refused_submissions", Unit::kNone, "Submissions answered with an error">,
    Metric<Gauge, "waiting_submissions", Unit::kNone, "Submissions that wait for a round">,
    Metric<Gauge, "checkpoint_age", Unit::kNanoseconds, "Since its last checkpoint">,
    Metric<Gauge, "stopped", Unit::kNone, "1 when it takes nothing until the next start">>;

// Of this node as a witness of the fleet's log.
using WitnessMetrics =
    Metrics<"witness",
            Metric<Counter, "cosigned_checkpoints", Unit::kNone, "Checkpoints that it cosigned">,
            Metric<Counter, "refused_checkpoints", Unit::kNone, "Those that it did not">,
            Metric<Gauge, "convicted_log_keys", Unit::kNone,
                   "Keys of logs that signed two trees, by evidence that it has">>;

using LogMetrics = Metrics<
    "log", Metric<Counter, "lines", Unit::kNone, "Lines written">,
    Metric<Counter, "suppressed_lines", Unit::kNone, "Lines left out because of their rate">>;

using ProcessMetrics =
    Metrics<"process", Metric<Counter, "cpu", Unit::kNanoseconds, "Processor time used">,
            Metric<Gauge, "resident_memory", Unit::kBytes, "Memory in RAM">,
            Metric<Gauge, "virtual_memory", Unit::kBytes, "Address space">,
            Metric<Gauge, "open_fds", Unit::kNone, "Open descriptors">,
            Metric<Gauge, "max_fds", Unit::kNone, "Descriptors that may be open">,
            Metric<Gauge, "threads", Unit::kNone, "Threads">,
            Metric<Gauge, "uptime", Unit::kNanoseconds, "Since the node started">>;

}  // namespace i2::node
