// metrics, doctor: looking at a node and its machine.
#include <i2/node/doctor.h>
#include <i2/node/units.h>

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

std::string value_text(const json& value) {
  if (!value.is_object()) {
    return value.dump();
  }
  std::string out;  // a distribution
  for (const auto& [name, part] : value.items()) {
    out += std::format("{}{} {}", out.empty() ? "" : "  ", name, part.dump());
  }
  return out;
}

// A line for each metric, those of a layer together.
std::string metrics_text(const json& metrics) {
  std::string out;
  for (const auto& [layer, values] : metrics.items()) {
    if (!values.is_object()) {
      continue;
    }
    for (const auto& [key, value] : values.items()) {
      const std::string name = std::format("{}.{}", layer, key);
      if (!value.is_array()) {
        out += std::format("{:<38}  {}\n", name, value_text(value));
        continue;
      }
      for (const json& sample : value) {
        std::string labels;
        for (const auto& [label, text] : sample["labels"].items()) {
          labels +=
              std::format("{}{}={}", labels.empty() ? "" : ",", label, text.get<std::string>());
        }
        out += std::format("{:<38}  {}  {}\n", name, value_text(sample["value"]), labels);
      }
    }
  }
  return out;
}

}  // namespace

ExitCode run_metrics(const Options& options, const node::Config& config) {
  const Output out(options);
  node::AdminRequest request{.verb = "metrics", .args = {}};
  if (!options.format.empty()) {
    request.args["format"] = options.format;
  }
  const Answer answer = ask(config, options, request, kShort);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  out.result(result,
             options.format.empty() ? metrics_text(result) : result["text"].get<std::string>());
  return ExitCode::kOk;
}

ExitCode run_doctor(const Options& options, const node::Config& config) {
  const Output out(options);
  const Answer status = ask(config, options, {.verb = "health", .args = {}}, kShort);
  auto checks = node::examine(config, status.ok());
  if (status.ok()) {
    const json report = json::parse(status.json);
    for (const auto& [layer, health] : report["layers"].items()) {
      const std::string state = health["status"].get<std::string>();
      const auto verdict = state == "ok"       ? node::Verdict::kOk
                           : state == "failed" ? node::Verdict::kFail
                                               : node::Verdict::kWarn;
      checks.push_back(
          {.name = "layer_" + layer,
           .verdict = verdict,
           .finding = verdict == node::Verdict::kOk ? "runs" : health["reason"].get<std::string>(),
           .remedy = verdict == node::Verdict::kOk ? "" : "see the daemon's log"});
    }
  } else {
    checks.push_back({.name = "daemon",
                      .verdict = node::Verdict::kWarn,
                      .finding = status.message,
                      .remedy = "start it, or name its --data-dir"});
  }
  json list = json::array();
  std::string text;
  bool failed = false;
  for (const node::Check& check : checks) {
    failed = failed || check.verdict == node::Verdict::kFail;
    list.push_back({{"name", check.name},
                    {"verdict", node::name_of(check.verdict)},
                    {"finding", check.finding},
                    {"remedy", check.remedy}});
    text +=
        std::format("{:<4}  {:<21}  {}\n", node::name_of(check.verdict), check.name, check.finding);
    if (!check.remedy.empty()) {
      text += std::format("{:<29}-> {}\n", "", check.remedy);
    }
  }
  out.result({{"ok", !failed}, {"checks", std::move(list)}}, text);
  return failed ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace i2::app
