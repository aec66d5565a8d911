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

Result<ConfigKeeper::Outcome> reload_config(ConfigKeeper& keeper, const Logger& log) {
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
  log.info("config", "reloaded", "the configuration was read again",
           {{"applied", joined(outcome->changes.live)},
            {"needs_restart", joined(outcome->changes.restart)}});
  return std::move(*outcome);
}

}  // namespace i2::node
