// config check, show, reload.
#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

json problem_json(const node::ConfigProblem& problem) {
  const bool warning = problem.severity == node::ConfigProblem::Severity::kWarning;
  return {{"where", problem.where},
          {"severity", warning ? "warning" : "error"},
          {"code", problem.error.code()},
          {"message", problem.error.message()}};
}

std::string name_of(const node::Setting& setting) {
  return std::format("[{}] {}", setting.section, setting.key);
}

ExitCode show_running(const Options& options, const node::Config& config) {
  const Output out(options);
  const Answer answer = ask(config, options, {.verb = "config_show", .args = {}}, kShort);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  std::string text = result["toml"].get<std::string>();
  if (options.origin) {
    text = result["toml_with_origins"].get<std::string>();
  }
  out.result({{"settings", result["settings"]}}, text);
  return ExitCode::kOk;
}

ExitCode reload(const Options& options, const node::Config& config) {
  const Output out(options);
  const Answer answer = ask(config, options, {.verb = "config_reload", .args = {}}, kShort);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  std::string text;
  for (const json& name : result["applied"]) {
    text += std::format("applied        {}\n", name.get<std::string>());
  }
  for (const json& name : result["restart"]) {
    text += std::format("needs restart  {}\n", name.get<std::string>());
  }
  for (const json& warning : result["warnings"]) {
    out.note(warning.get<std::string>());
  }
  out.result(result, text.empty() ? "nothing has changed\n" : text);
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_config_check(const Options& options) {
  Options effective = options;
  if (!options.file.empty()) {
    effective.config = options.file;
  }
  const ConfigOutcome outcome = node::load_config(sources_of(effective));
  const Output out(options);
  const auto& problems = outcome ? outcome->warnings : outcome.error();
  json list = json::array();
  for (const node::ConfigProblem& problem : problems) {
    out.note(problem.to_string());
    list.push_back(problem_json(problem));
  }
  out.result({{"ok", outcome.has_value()}, {"problems", std::move(list)}}, outcome ? "ok\n" : "");
  return outcome ? ExitCode::kOk : ExitCode::kUsage;
}

ExitCode run_config(const Options& options) {
  if (options.action == "check") {
    return run_config_check(options);
  }
  const ConfigOutcome loaded = node::load_config(sources_of(options));
  if (!loaded) {
    print_problems(loaded.error());
    return ExitCode::kUsage;
  }
  if (options.action == "reload") {
    return reload(options, loaded->config);
  }
  if (options.running) {
    return show_running(options, loaded->config);
  }
  print_problems(loaded->warnings);
  json settings = json::array();
  for (const node::SettingOrigin& entry : loaded->values) {
    settings.push_back({{"name", name_of(*entry.setting)},
                        {"section", entry.setting->section},
                        {"key", entry.setting->key},
                        {"value", entry.value},
                        {"origin", entry.origin},
                        {"live", entry.setting->standing == node::Standing::kLive}});
  }
  Output(options).result({{"settings", std::move(settings)}},
                         node::to_toml(*loaded, options.origin));
  return ExitCode::kOk;
}

}  // namespace i2::app
