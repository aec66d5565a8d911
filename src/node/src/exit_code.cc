#include <i2/node/exit_code.h>

#include <algorithm>
#include <array>
#include <utility>

namespace i2::node {
namespace {

using enum ExitCode;

constexpr auto kTable = std::to_array<std::pair<std::string_view, ExitCode>>({
    {"admin.argument", kUsage},
    {"config.duration_invalid", kUsage},
    {"config.invalid", kUsage},
    {"config.size_invalid", kUsage},
    {"file.busy", kExhausted},
    {"file.hash_mismatch", kIntegrity},
    {"file.inbox_denied", kDenied},
    {"file.no_space", kExhausted},
    {"file.permission_denied", kDenied},
    {"file.quota", kExhausted},
    {"file.source_changed", kIntegrity},
    {"file.too_large", kExhausted},
    {"fleet.account_revoked", kDenied},
    {"fleet.account_unknown", kDenied},
    {"fleet.anchors_full", kExhausted},
    {"fleet.block_invalid", kIntegrity},
    {"fleet.bundle_altered", kIntegrity},
    {"fleet.bundle_foreign", kIntegrity},
    {"fleet.bundle_malformed", kIntegrity},
    {"fleet.bundle_signature", kIntegrity},
    {"fleet.bundle_truncated", kIntegrity},
    {"fleet.genesis_invalid", kIntegrity},
    {"fleet.identity_damaged", kIntegrity},
    {"fleet.leaf_damaged", kIntegrity},
    {"fleet.leaf_refused", kIntegrity},
    {"fleet.ledger_damaged", kIntegrity},
    {"fleet.ledger_diverged", kIntegrity},
    {"fleet.ledger_rolled_back", kIntegrity},
    {"fleet.ledger_stopped", kNoDaemon},
    {"fleet.member_foreign", kIntegrity},
    {"fleet.member_signature", kIntegrity},
    {"fleet.members_full", kExhausted},
    {"fleet.name_invalid", kUsage},
    {"fleet.no_anchor", kDenied},
    {"fleet.no_operator_keys", kDenied},
    {"fleet.not_joined", kNoDaemon},
    {"fleet.operation_account", kDenied},
    {"fleet.operation_approvals", kDenied},
    {"fleet.operation_signature", kIntegrity},
    {"fleet.overloaded", kExhausted},
    {"fleet.sequencer_needed", kDenied},
    {"fleet.sequencer_unreachable", kUnreachable},
    {"fleet.setup_interrupted", kNoDaemon},
    {"fleet.snapshot_invalid", kIntegrity},
    {"fleet.state_invalid", kIntegrity},
    {"gateway.permission", kDenied},
    {"node.daemon_lost", kNoDaemon},
    {"node.disk_full", kExhausted},
    {"node.no_daemon", kNoDaemon},
    {"node.peer_no_address", kUnreachable},
    {"node.permission", kDenied},
    {"node.secret_exposed", kDenied},
    {"node.socket_denied", kDenied},
    {"node.stopping", kNoDaemon},
    {"node.timeout", kTimeout},
    {"node.user_denied", kDenied},
    {"stoq.address_malformed", kUsage},
    {"stoq.closed", kUnreachable},
    {"stoq.closed_by_peer", kUnreachable},
    {"stoq.connect", kUnreachable},
    {"stoq.deadline_exceeded", kTimeout},
    {"stoq.going_away", kUnreachable},
    {"stoq.handshake_timeout", kUnreachable},
    {"stoq.hello_timeout", kUnreachable},
    {"stoq.idle_timeout", kUnreachable},
    {"stoq.ipv4_refused", kUsage},
    {"stoq.kex_not_post_quantum", kDenied},
    {"stoq.overloaded", kExhausted},
    {"stoq.permission", kDenied},
    {"stoq.refused", kDenied},
    {"stoq.shut_down", kNoDaemon},
    {"stoq.tls_refused", kDenied},
    {"stoq.unreachable", kUnreachable},
    {"store.damaged", kIntegrity},
    {"store.disk_full", kExhausted},
    {"store.missing", kIntegrity},
    {"trust.anchor_invalid", kIntegrity},
    {"trust.anchor_not_valid", kDenied},
    {"trust.binding_expired", kDenied},
    {"trust.binding_invalid", kDenied},
    {"trust.hello_signature", kDenied},
    {"trust.invite_altered", kIntegrity},
    {"trust.invite_expired", kDenied},
    {"trust.invite_malformed", kUsage},
    {"trust.invite_revoked", kDenied},
    {"trust.invite_unknown", kDenied},
    {"trust.invite_used", kDenied},
    {"trust.join_answer", kIntegrity},
    {"trust.join_foreign", kIntegrity},
    {"trust.join_malformed", kIntegrity},
    {"trust.join_proof", kDenied},
    {"trust.join_server", kIntegrity},
    {"trust.leaf_expired", kDenied},
    {"trust.leaf_not_yet_valid", kDenied},
    {"trust.leaf_untrusted", kDenied},
    {"trust.member_revoked", kDenied},
    {"trust.member_unknown", kDenied},
    {"trust.request_algorithm", kDenied},
    {"trust.request_name", kDenied},
    {"trust.request_possession", kDenied},
});
static_assert(std::ranges::is_sorted(kTable, {}, &std::pair<std::string_view, ExitCode>::first));

}  // namespace

ExitCode exit_code(std::string_view code) {
  const auto found =
      std::ranges::lower_bound(kTable, code, {}, &std::pair<std::string_view, ExitCode>::first);
  return found != kTable.end() && found->first == code ? found->second : kFailure;
}

}  // namespace i2::node
