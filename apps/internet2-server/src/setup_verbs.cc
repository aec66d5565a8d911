// init, provision: they work on the data directory, with or without a daemon.
#include <i2/fleet/membership.h>
#include <i2/node/addresses.h>
#include <i2/rt/clock.h>
#include <i2/wire/text.h>

#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "remote.h"
#include "summary.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

// Where a new member will find this node.
Result<std::vector<fleet::PeerHint>> make_hints(const Options& options,
                                                const node::Config& config) {
  I2_TRY_VALUE(const auto self, fleet::describe_node(config.data_dir));
  std::vector<stoq::core::SocketAddress> addresses;
  for (const std::string& text : options.addresses) {
    I2_TRY_VALUE(const auto address, stoq::core::SocketAddress::parse(text, config.bind.port));
    addresses.push_back(address);
  }
  if (addresses.empty()) {
    // A running daemon knows best where it listens.
    const Answer status = ask(config, options, {.verb = "status", .args = {}}, 5 * kSecond);
    if (status.ok()) {
      const json parsed_status = json::parse(status.json);
      for (const json& address : parsed_status["node"]["addresses"]) {
        I2_TRY_VALUE(const auto parsed,
                     stoq::core::SocketAddress::parse(address.get<std::string>()));
        addresses.push_back(parsed);
      }
    } else {
      addresses = node::reachable_addresses(config.bind);
    }
  }
  std::vector<fleet::PeerHint> out;
  for (const auto& address : addresses) {
    const auto hint = node::to_hint(self.node_id, address);
    if (!hint) {
      return fail("fleet.hint_refused",
                  std::format("{} means nothing on another host: name an address with --address",
                              address.to_string()));
    }
    out.push_back(*hint);
  }
  return out;
}

// By the running daemon, which records and logs what it signs.
fleet::ProvisionOptions::FirstLeaf first_leaf(const Options& options, const node::Config& config,
                                              const crypto::CertificateRequest& request) {
  const auto answer = ask_json(config, options, "cert_newcomer",
                               {{"csr", wire::to_base64(request.der())}, {"name", options.name}});
  if (!answer && answer.error().is("node.no_daemon")) {
    return std::nullopt;
  }
  if (!answer) {
    return fail(answer.error());
  }
  const auto der = wire::from_base64((*answer)["certificate"].get<std::string>());
  I2_TRY_VALUE(auto leaf, crypto::Certificate::from_der(der.value_or(Bytes())));
  return leaf;
}

}  // namespace

UnixMillis unix_now() {
  return rt::SystemClock().unix_now();
}

ExitCode run_init(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto summary = fleet::init({.data_dir = config.data_dir,
                                    .fleet_name = options.fleet,
                                    .node_name = options.name.empty() ? host_name() : options.name,
                                    .now = unix_now()});
  if (!summary) {
    return out.failure(summary.error());
  }
  json object = summary_json(*summary);
  object["data_dir"] = config.data_dir.string();
  out.result(std::move(object), summary_text(*summary));
  out.note(
      summary->changed
          ? std::format("Founded the fleet; its root and operator keys are in '{}': back them up.",
                        (config.data_dir / "identity").string())
          : "It already was so; nothing has changed.");
  return ExitCode::kOk;
}

ExitCode run_provision(const Options& options, const node::Config& config) {
  const Output out(options);
  auto hints = make_hints(options, config);
  if (!hints) {
    return out.failure(hints.error());
  }
  json addresses = json::array();
  for (const fleet::PeerHint& hint : *hints) {
    addresses.push_back(node::to_address(hint).to_string());
  }
  const auto summary = fleet::provision(
      {.data_dir = config.data_dir,
       .node_name = options.name,
       .peers = std::move(*hints),
       .bundle = options.out,
       .now = unix_now(),
       .first_leaf = [&](const auto& request) { return first_leaf(options, config, request); }});
  if (!summary) {
    return out.failure(summary.error());
  }
  const Answer reload = ask(config, options, {.verb = "reload", .args = {}}, 10 * kSecond);
  if (!reload.ok() && reload.code != "node.no_daemon") {
    out.note(std::format("The running daemon did not take over the new member: {} [{}]",
                         reload.message, reload.code));
  }
  json object = summary_json(*summary);
  object["bundle"] = fs::absolute(options.out).string();
  object["addresses"] = std::move(addresses);
  out.result(std::move(object), summary_text(*summary) + std::format("bundle {}\n", options.out));
  out.note(
      std::format("Carry the bundle to the new machine, run `i2 join {}` there and delete it: it "
                  "holds the node's secret keys.",
                  fs::path(options.out).filename().string()));
  return ExitCode::kOk;
}

}  // namespace i2::app
