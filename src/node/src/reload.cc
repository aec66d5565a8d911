#include "reload.h"

namespace i2::node {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

}  // namespace

stoq::QlogConfig qlog_config(const Config& config) {
  return {.directory = config.qlog_dir,
          .files_max = config.qlog_files_max,
          .size_max = config.qlog_size_max};
}

Result<ConfigKeeper::Outcome> reload_config(ConfigKeeper& keeper, stoq::Transport& transport,
                                            const Logger& log) {
  auto outcome = keeper.reload();
  if (!outcome) {
    std::string all;
    for (const ConfigProblem& problem : outcome.error()) {
      log.error("config", "problem", problem.error.message(),
                {{"where", problem.where}, {"error", problem.error.code()}});
      all += (all.empty() ? "" : "; ") + problem.to_string();
    }
    log.error("config", "not_reloaded", "the configuration stays as it was");
    return fail("config.invalid", "the configuration stays as it was: " + all);
  }
  for (const ConfigProblem& warning : outcome->warnings) {
    log.warning("config", "warning", warning.error.message(),
                {{"where", warning.where}, {"error", warning.error.code()}});
  }
  if (const auto traced = transport.trace_to(qlog_config(keeper.config())); !traced) {
    log.error("stoq", "traces_failed", traced.error().message(),
              {{"error", traced.error().code()}});
  }
  log.info("config", "reloaded", "the configuration was read again",
           {{"applied", joined(outcome->changes.live)},
            {"needs_restart", joined(outcome->changes.restart)}});
  return std::move(*outcome);
}

}  // namespace i2::node
