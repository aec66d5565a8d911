// token: who may ask this node over HTTP, and as what.
#include <format>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

ExitCode list_tokens(const Options& options, const node::Config& config) {
  const Output out(options);
  auto answer = ask_json(config, options, "token_list", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  std::string text;
  for (const json& one : (*answer)["tokens"]) {
    text += std::format("{:20}  {:8}  {}\n", one["name"].get<std::string>(),
                        one["role"].get<std::string>(), one["created"].get<std::string>());
  }
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_token(const Options& options, const node::Config& config) {
  if (options.action == "ls") {
    return list_tokens(options, config);
  }
  const Output out(options);
  const std::string& name = options.words.front();
  const bool add = options.action == "add";
  auto answer =
      add ? ask_json(config, options, "token_add", {{"name", name}, {"role", options.role}})
          : ask_json(config, options, "token_remove", {{"name", name}});
  if (!answer) {
    return out.failure(answer.error());
  }
  const std::string text =
      add ? (*answer)["token"].get<std::string>() + "\n" : std::format("{} is gone\n", name);
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

}  // namespace i2::app
