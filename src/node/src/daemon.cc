#include <i2/fleet/data_dir.h>
#include <i2/fleet/membership.h>
#include <i2/node/config_keeper.h>
#include <i2/node/daemon.h>
#include <i2/node/node.h>
#include <i2/rt/clock.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <format>
#include <thread>

#include "privileges.h"
#include "service_manager.h"

namespace i2::node {
namespace {

// With a watchdog every loop of the node has to answer within this share of its time.
constexpr Duration kWatchdogShare = 3;

sigset_t handled_signals() {
  sigset_t out;
  sigemptyset(&out);
  sigaddset(&out, SIGTERM);
  sigaddset(&out, SIGINT);
  sigaddset(&out, SIGHUP);
  return out;
}

// `wanted` 0: as many as the system allows.
void limit_open_files(std::uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = wanted == 0 ? limit.rlim_max : std::min<rlim_t>(wanted, limit.rlim_max);
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// Memory holds secret keys: in production it is not written to a file when the process crashes.
void forbid_core_dumps() {
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  (void)::setrlimit(RLIMIT_CORE, &kNone);
}

// The next signal, or 0 when none came within `at_most` (kNever: no limit).
int next_signal(const sigset_t& signals, Duration at_most) {
  for (;;) {
    const timespec limit{.tv_sec = static_cast<time_t>(at_most / kSecond),
                         .tv_nsec = static_cast<long>(at_most % kSecond)};
    const int number = ::sigtimedwait(&signals, nullptr, at_most == kNever ? nullptr : &limit);
    if (number > 0) {
      return number;
    }
    if (errno == EAGAIN) {
      return 0;
    }
  }
}

void reload(Node& node, const ServiceManager& manager, const Clock& clock, const Logger& log) {
  log.info("node", "reload", "SIGHUP: reading configuration and members again");
  // sd_notify(3), RELOADING=1: with the time at which it began, from the monotonic clock.
  (void)manager.tell(std::format("RELOADING=1\nMONOTONIC_USEC={}", clock.now() / kMicrosecond));
  node.reload();
  (void)manager.tell("READY=1");
}

// Returns when the node is asked to end.
void obey_signals(const sigset_t& signals, Node& node, const ServiceManager& manager,
                  const Clock& clock, const Logger& log) {
  const auto watchdog = manager.watchdog();
  const Duration step = watchdog ? *watchdog / kWatchdogShare : kNever;
  for (;;) {
    const int number = next_signal(signals, step);
    if (number == SIGHUP) {
      reload(node, manager, clock, log);
    } else if (number != 0) {
      log.info("node", "stopping", "the node is asked to stop", {{"signal", number}});
      return;
    } else if (node.responds(step)) {
      (void)manager.tell("WATCHDOG=1");
    } else {
      log.error("node", "stuck", "a thread of the node does not answer: the watchdog is not fed");
    }
  }
}

// While the node drains: a second signal means at once.
void end_on_second_signal() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  std::thread([ending] {
    int number = 0;
    if (sigwait(&ending, &number) == 0) {
      std::_Exit(128 + number);
    }
  }).detach();
}

ExitCode not_started(const Logger& log, const Error& error) {
  log.error("node", "start_failed", error.message(), {{"error", error.code()}});
  return exit_code(error.code());
}

// A fleet for this node to be the first of, unless there is a node already.
Result<void> found_fleet(const Config& config, const DaemonOptions& options, const Clock& clock,
                         const Logger& log) {
  I2_TRY_VALUE(const auto state, fleet::inspect_data_dir(config.data_dir));
  if (state == fleet::DataDirState::kComplete) {
    return {};
  }
  if (!options.root_authority) {
    return fail("fleet.not_joined",
                "'" + config.data_dir.string() +
                    "' holds no node yet: say --root-authority to found a fleet here, or join one "
                    "with `i2 join`");
  }
  I2_TRY_VALUE(const auto made, fleet::init({.data_dir = config.data_dir,
                                             .fleet_name = options.fleet,
                                             .node_name = options.node_name,
                                             .now = clock.unix_now()}));
  log.info(
      "fleet", "founded", "a new fleet with this node as its root authority",
      {{"fleet", made.fleet_name}, {"node", made.node_name}, {"chain_id", made.chain_id.hex()}});
  return {};
}

Result<void> prepare(const Config& config, const DaemonOptions& options, const Clock& clock,
                     const Logger& log) {
  limit_open_files(config.open_files);
  if (!config.user.empty()) {
    I2_TRY(become_user(config.user, config.data_dir));
  }
  if (options.mode == Mode::kBootstrap) {
    I2_TRY(found_fleet(config, options, clock, log));
  }
  return {};
}

// Whether nothing stands against the mode; the reasons are in the log.
bool is_safe(const Config& config, const DaemonOptions& options, const Clock& clock,
             const Logger& log) {
  const auto reasons = reasons_against(
      config, options.mode,
      gather_facts(config, options.sources.file, options.federated, clock.unix_now()));
  for (const Error& reason : reasons) {
    log.error("node", "refused", reason.message(), {{"error", reason.code()}});
  }
  if (!reasons.empty()) {
    log.error("node", "start_failed",
              std::format("`{}` does not start: {} reasons, see above", name_of(options.mode),
                          reasons.size()),
              {{"error", reasons.front().code()}});
  }
  return reasons.empty();
}

ExitCode run(ConfigKeeper& keeper, const DaemonOptions& options, const Clock& clock,
             const Logger& log) {
  const Config config = keeper.config();
  const ServiceManager manager = ServiceManager::of_environment();
  if (auto prepared = prepare(config, options, clock, log); !prepared) {
    return not_started(log, prepared.error());
  }
  if (!is_safe(config, options, clock, log)) {
    return ExitCode::kFailure;
  }
  if (options.mode == Mode::kProduction) {
    forbid_core_dumps();
  }
  // Every thread inherits the mask, so that the signals wait for this one.
  const sigset_t signals = handled_signals();
  (void)pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  auto node = Node::start(keeper, options.mode, clock, log);
  if (!node) {
    return not_started(log, node.error());
  }
  (void)manager.tell(std::format("READY=1\nSTATUS={} on {}", name_of(options.mode),
                                 (*node)->address().to_string()));
  obey_signals(signals, **node, manager, clock, log);
  (void)manager.tell("STOPPING=1\nSTATUS=waiting for commands under way");
  end_on_second_signal();
  if (!(*node)->shut_down()) {
    log.error("node", "stop_incomplete", "something did not end in time: exiting anyway");
    std::_Exit(static_cast<int>(ExitCode::kFailure));
  }
  node->reset();
  log.info("node", "stopped", "the node has stopped");
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_daemon(const DaemonOptions& options, LoadedConfig loaded) {
  const rt::SystemClock clock;
  const Config& config = loaded.config;
  Logger log(clock, config.log_level, config.log_format, STDERR_FILENO, config.log_rate);
  for (const ConfigProblem& warning : loaded.warnings) {
    log.warning("config", "warning", warning.error.message(),
                {{"where", warning.where}, {"error", warning.error.code()}});
  }
  ConfigKeeper keeper(options.sources, std::move(loaded), [&log](const Config& now) {
    log.set(now.log_level, now.log_format, now.log_rate);
  });
  return run(keeper, options, clock, log);
}

}  // namespace i2::node
