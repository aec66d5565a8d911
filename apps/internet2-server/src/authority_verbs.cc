// authority: which members issue the fleet's certificates. Keys stay where they are; a request and
// a grant travel as files.
#include <i2/fleet/authority_keys.h>
#include <i2/node/units.h>

#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

json grant_json(const fleet::AuthorityGrant& grant, const std::string& file) {
  return {{"node", grant.anchor.holder.hex()},
          {"anchor", to_hex(trustchain::id(grant.anchor))},
          {"expires", node::format_time(grant.anchor.not_after)},
          {"file", fs::absolute(file).string()}};
}

ExitCode request_authority(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto request = fleet::request_authority(config.data_dir, options.renew, unix_now());
  const auto written =
      request ? fleet::write_request(options.out, *request) : Result<void>(fail(request.error()));
  if (!written) {
    return out.failure(written.error());
  }
  const std::string node = trustchain::node_id(request->identity).hex();
  out.result({{"node", node}, {"file", fs::absolute(options.out).string()}}, node + "\n");
  out.note(
      "It holds no secret. Where the root's keys are: i2 authority grant FILE --out GRANT. Compare "
      "the node id there.");
  return ExitCode::kOk;
}

ExitCode grant_authority(const Options& options, const node::Config& config) {
  const Output out(options);
  // Whoever cannot have it ordered grants nothing.
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const auto request = fleet::read_request(options.words.front());
  if (!request) {
    return out.failure(request.error());
  }
  const auto grant =
      fleet::grant_authority(config.data_dir, options.root_dir, *request, unix_now());
  const auto written =
      grant ? fleet::write_grant(options.out, *grant) : Result<void>(fail(grant.error()));
  if (!written) {
    return out.failure(written.error());
  }
  Options approvals = options;
  approvals.out += ".operation";
  out.note("Carry the grant to the node and run `i2 authority install` there, once it is ordered.");
  return run_operation(approvals, config, *session, {fleet::AddAnchor{grant->anchor}},
                       session->required(), grant_json(*grant, options.out));
}

ExitCode install_authority(const Options& options, const node::Config& config) {
  const Output out(options);
  const std::string& file = options.words.front();
  const auto grant = fleet::read_grant(file);
  const auto installed =
      grant ? fleet::install_authority(config.data_dir, *grant) : Result<void>(fail(grant.error()));
  if (!installed) {
    return out.failure(installed.error());
  }
  out.result(grant_json(*grant, file), "installed\n");
  out.note(
      "A daemon that is an authority already issues with it within seconds; else it does from its "
      "next start on.");
  return ExitCode::kOk;
}

ExitCode list_authorities(const Options& options, const node::Config& config) {
  const Output out(options);
  auto answer = ask_json(config, options, "authorities", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  std::string text;
  for (const json& one : (*answer)["authorities"]) {
    text += std::format("{:<16} {}  expires {}{}\n", one["name"].get<std::string>(),
                        one["anchor"].get<std::string>().substr(0, 16),
                        one["expires"].get<std::string>(),
                        one["convicted"].get<bool>() ? "  CONVICTED: see i2 ct evidence" : "");
  }
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

ExitCode remove_authority(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const std::string& who = options.words.front();
  const auto answer = ask_json(config, options, "authorities", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  Changes changes;
  json removed = json::array();
  for (const json& one : (*answer)["authorities"]) {
    const auto id = from_hex(one["anchor"].get<std::string>(), "anchor id");
    if (id && (one["name"] == who || one["node"] == who || one["anchor"] == who)) {
      changes.emplace_back(fleet::RemoveAnchor{fleet::AnchorId{*id}});
      removed.push_back(one);
    }
  }
  if (changes.empty()) {
    return out.failure("fleet.anchor_unknown",
                       std::format("'{}' is not a certificate authority of the fleet", who));
  }
  return run_operation(options, config, *session, changes, session->required(),
                       {{"authorities", removed}});
}

}  // namespace

ExitCode run_authority(const Options& options, const node::Config& config) {
  if (options.action == "request") {
    return request_authority(options, config);
  }
  if (options.action == "grant") {
    return grant_authority(options, config);
  }
  if (options.action == "install") {
    return install_authority(options, config);
  }
  return options.action == "rm" ? remove_authority(options, config)
                                : list_authorities(options, config);
}

}  // namespace i2::app
