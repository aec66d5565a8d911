// acme: the ACME server of this node, its accounts, and keys for new ones.
#include <algorithm>
#include <format>
#include <map>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

std::string words(const json& list) {
  std::string out;
  for (const json& one : list) {
    out += (out.empty() ? "" : " ") + one.get<std::string>();
  }
  return out;
}

std::string acme_status_text(const json& status) {
  const auto number = [&](const char* name) { return status[name].get<std::uint64_t>(); };
  std::string out = std::format(
      "directory    {}\naccounts     {}{}\nrequests     {}, {} refused, {} failed\nproven       "
      "{}\n",
      status["directory"].get<std::string>(), number("accounts"),
      status["external_account_required"].get<bool>() ? ", with external keys only" : "",
      number("requests"), number("refused_requests"), number("failed_requests"),
      number("validations"));
  for (const auto& [code, count] : status["failed_validations"].items()) {
    out += std::format("not proven   {} [{}]\n", count.get<std::uint64_t>(), code);
  }
  out +=
      std::format("issued       {}, {} refused, {} taken back\nunder way    {}\n", number("issued"),
                  number("refused_orders"), number("revoked"), number("waiting"));
  if (status["closed"].get<bool>()) {
    out += "closed       its records cannot be written: see the daemon's log\n";
  }
  return out;
}

std::string account_line(const json& account) {
  return std::format("{}  {}  {:11}  {}\n", account["account"].get<std::string>(),
                     account["created_at"].get<std::string>(), account["state"].get<std::string>(),
                     words(account["contacts"]));
}

std::string account_text(const json& account) {
  std::string out = account_line(account);
  if (!account["external_key"].is_null()) {
    out += std::format("external key {}\n", account["external_key"].get<std::string>());
  }
  for (const json& order : account["orders"]) {
    out += std::format("{}  {}  {:10}  {}\n", order["order"].get<std::string>(),
                       order["created_at"].get<std::string>(), order["state"].get<std::string>(),
                       words(order["names"]));
    if (!order["error"].is_null()) {
      out += std::format("    {}\n", order["error"].get<std::string>());
    }
  }
  return out;
}

std::string text_of(const std::string& action, const json& answer) {
  std::string out;
  if (action == "status") {
    return acme_status_text(answer);
  }
  if (action == "account ls") {
    for (const json& one : answer["accounts"]) {
      out += account_line(one);
    }
    return out;
  }
  if (action == "eab ls") {
    for (const json& one : answer["keys"]) {
      out += std::format("{:20}  {}  {}\n", one["kid"].get<std::string>(),
                         one["created_at"].get<std::string>(), words(one["accounts"]));
    }
    return out;
  }
  if (action == "eab add") {
    return std::format("key id    {}\nhmac key  {}\nIt is not shown again.\n",
                       answer["kid"].get<std::string>(), answer["hmac_key"].get<std::string>());
  }
  if (action == "eab rm") {
    return std::format("{} makes no new accounts any more\n", answer["kid"].get<std::string>());
  }
  return account_text(answer);
}

}  // namespace

ExitCode run_acme(const Options& options, const node::Config& config) {
  const Output out(options);
  std::map<std::string, node::AdminValue, std::less<>> arguments;
  if (!options.words.empty()) {
    arguments[options.action.starts_with("eab") ? "kid" : "account"] = options.words.front();
  }
  std::string verb = "acme_" + options.action;
  std::ranges::replace(verb, ' ', '_');
  auto answer = ask_json(config, options, std::move(verb), std::move(arguments));
  if (!answer) {
    return out.failure(answer.error());
  }
  const std::string text = text_of(options.action, *answer);
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

}  // namespace i2::app
