// init, provision, join: they work on the data directory, with or without a daemon.
#include <i2/fleet/membership.h>
#include <i2/fleet/trust_store.h>
#include <i2/node/addresses.h>
#include <i2/rt/clock.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

constexpr std::string_view kTokenPrefix = "i2join1_";

UnixMillis unix_now() {
  return rt::SystemClock().unix_now();
}

json summary_json(const fleet::NodeSummary& summary) {
  return {{"fleet", {{"name", summary.fleet_name}, {"chain_id", summary.chain_id.hex()}}},
          {"node",
           {{"name", summary.node_name},
            {"id", summary.node_id.hex()},
            {"short_id", wire::short_id(summary.node_id)}}},
          {"changed", summary.changed}};
}

std::string summary_text(const fleet::NodeSummary& summary) {
  return std::format("fleet  {}  {}\nnode   {}  {}\n", summary.fleet_name, summary.chain_id.hex(),
                     summary.node_name, wire::short_id(summary.node_id));
}

// Where a new member will find this node.
Result<std::vector<fleet::PeerHint>> make_hints(const Options& options,
                                                const node::Config& config) {
  I2_TRY_VALUE(const auto trust, fleet::TrustStore::load(config.data_dir, unix_now()));
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
    const auto hint = node::to_hint(trust->node_id(), address);
    if (!hint) {
      return fail("fleet.hint_refused",
                  std::format("{} means nothing on another host: name an address with --address",
                              address.to_string()));
    }
    out.push_back(*hint);
  }
  return out;
}

Result<ChainId> parse_chain(const std::string& text) {
  const auto bytes = wire::from_hex(text);
  ChainId out;
  if (!bytes || bytes->size() != out.bytes.size()) {
    return fail("admin.argument", "'" + text + "' is no chain id: 64 hexadecimal digits");
  }
  std::ranges::copy(*bytes, out.bytes.begin());
  return out;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> text{};
  if (::gethostname(text.data(), text.size() - 1) != 0) {
    return "node";
  }
  std::string out;
  for (const char c : std::string_view(text.data())) {
    if (c == '.' || out.size() == 63) {
      break;
    }
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (plain || !out.empty()) {
      out += plain ? lower : '-';
    }
  }
  while (out.ends_with('-')) {
    out.pop_back();
  }
  return out.empty() ? "node" : out;
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
  const auto summary = fleet::provision({.data_dir = config.data_dir,
                                         .node_name = options.name,
                                         .peers = std::move(*hints),
                                         .bundle = options.out,
                                         .now = unix_now()});
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

ExitCode run_join(const Options& options, const node::Config& config) {
  const Output out(options);
  if (options.bundle.starts_with(kTokenPrefix)) {
    out.note(options.program +
             ": not available: invite tokens need the ledger, which this version does not have; "
             "join with a bundle of `i2 provision`");
    return ExitCode::kFailure;
  }
  fleet::JoinOptions join{.data_dir = config.data_dir, .bundle = options.bundle, .expected = {}};
  if (!options.expect.empty()) {
    const auto chain = parse_chain(options.expect);
    if (!chain) {
      return out.failure(chain.error());
    }
    join.expected = *chain;
  }
  const auto summary = fleet::join(join);
  if (!summary) {
    return out.failure(summary.error());
  }
  if (!options.name.empty() && options.name != summary->node_name) {
    out.note(std::format("The bundle names this node '{}'; --name {} is not used.",
                         summary->node_name, options.name));
  }
  json object = summary_json(*summary);
  object["data_dir"] = config.data_dir.string();
  out.result(std::move(object), summary_text(*summary));
  if (!summary->changed) {
    out.note("It already was so; nothing has changed.");
  }
  return ExitCode::kOk;
}

}  // namespace i2::app
