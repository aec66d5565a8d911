// The verbs. Each prints its answer and returns the exit code.
#pragma once

#include <i2/node/config.h>

#include <optional>

#include "options.h"
#include "remote.h"

namespace i2::app {

// The first label of the host's name, as a node name can be.
[[nodiscard]] std::string host_name();
[[nodiscard]] UnixMillis unix_now();

// On the data directory.
[[nodiscard]] node::ExitCode run_init(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_provision(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_join(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_backup(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_restore(const Options& options, const node::Config& config);
// Of the daemon.
[[nodiscard]] node::ExitCode run_status(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_peers(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_path(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_ping(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_send(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_recv(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_bench(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_metrics(const Options& options, const node::Config& config);
// Of the machine.
[[nodiscard]] node::ExitCode run_doctor(const Options& options, const node::Config& config);
// Of the fleet, which orders them: the operator's keys are used here, the daemon submits.
[[nodiscard]] node::ExitCode run_invite(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_expel(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_leave(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_operator(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_root(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_validator(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_consensus(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_authority(const Options& options, const node::Config& config);
// Of trust. The last two: what the fleet's state says against certificates; `revoke_by_fleet` has
// none when the fleet's index does not have what is to be revoked.
[[nodiscard]] node::ExitCode run_acme(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_token(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_ct(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_cert(const Options& options, const node::Config& config);
[[nodiscard]] node::ExitCode run_pin(const Options& options, const node::Config& config);
[[nodiscard]] std::optional<node::ExitCode> revoke_by_fleet(const Options& options,
                                                            const node::Config& config);
// Of neither.
[[nodiscard]] node::ExitCode run_config(const Options& options);
// `config check` and `check-config`.
[[nodiscard]] node::ExitCode run_config_check(const Options& options);
[[nodiscard]] node::ExitCode run_completion(const Options& options);

}  // namespace i2::app
