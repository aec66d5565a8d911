#include <i2/node/config_keeper.h>
#include <i2/node/daemon.h>
#include <i2/node/log.h>
#include <i2/node/node.h>
#include <i2/rt/clock.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace i2::node {
namespace {

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

// Returns when the node is asked to end.
void obey_signals(const sigset_t& signals, Node& node, const Logger& log) {
  for (;;) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) {
      continue;
    }
    if (number == SIGHUP) {
      log.info("node", "reload", "SIGHUP: reading configuration and members again");
      node.reload();
    } else {
      log.info("node", "stopping", "the node is asked to stop", {{"signal", number}});
      return;
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

}  // namespace

ExitCode run_daemon(ConfigSources sources, LoadedConfig loaded) {
  const rt::SystemClock clock;
  const Config config = loaded.config;
  Logger log(clock, config.log_level, config.log_format, STDERR_FILENO, config.log_rate);
  for (const ConfigProblem& warning : loaded.warnings) {
    log.warning("config", "warning", warning.error.message(),
                {{"where", warning.where}, {"error", warning.error.code()}});
  }
  ConfigKeeper keeper(std::move(sources), std::move(loaded), [&log](const Config& now) {
    log.set(now.log_level, now.log_format, now.log_rate);
  });
  // Every thread inherits the mask, so that the signals wait for this one.
  const sigset_t signals = handled_signals();
  (void)pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  limit_open_files(config.open_files);
  auto node = Node::start(keeper, clock, log);
  if (!node) {
    log.error("node", "start_failed", node.error().message(), {{"error", node.error().code()}});
    return exit_code(node.error().code());
  }
  obey_signals(signals, **node, log);
  end_on_second_signal();
  if (!(*node)->shut_down()) {
    log.error("node", "stop_incomplete", "something did not end in time: exiting anyway");
    std::_Exit(static_cast<int>(ExitCode::kFailure));
  }
  node->reset();
  log.info("node", "stopped", "the node has stopped");
  return ExitCode::kOk;
}

}  // namespace i2::node
