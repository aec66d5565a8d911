// status, peers, path, ping: what the daemon knows and measures.
#include <i2/node/units.h>
#include <i2/rt/clock.h>

#include <algorithm>
#include <chrono>
#include <format>
#include <nlohmann/json.hpp>
#include <thread>

#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

// The daemon gives up on an unreachable peer by itself, with a better reason than "timeout".
constexpr Duration kConnect = 60 * kSecond;
constexpr Duration kStart = 60 * kSecond;
constexpr std::chrono::milliseconds kAskAgain{100};

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : "-";
}

std::string rtt_text(const json& microseconds) {
  return microseconds.is_number()
             ? node::format_duration(microseconds.get<std::uint64_t>() * kMicrosecond)
             : "-";
}

std::string status_text(const json& s) {
  const json& node = s["node"];
  std::string out =
      std::format("node         {}  {}\n", text_of(node["name"]), text_of(node["short_id"]));
  out += std::format("fleet        {}  {} members  chain {}\n", text_of(s["fleet"]["name"]),
                     s["fleet"]["members"].get<std::size_t>(),
                     text_of(s["fleet"]["chain_id"]).substr(0, 16));
  out += std::format("health       {}\n", text_of(s["health"]));
  for (const json& address : node["addresses"]) {
    out += std::format("address      {}\n", text_of(address));
  }
  if (const std::string http = text_of(s["http"]); http != "-") {
    // Plain HTTP is for clients on this machine.
    out +=
        std::format("http         {}https://{}/openapi.json\n",
                    http.starts_with("[::1]") ? std::format("http://{}/health  ", http) : "", http);
  }
  out +=
      std::format("peers        {} of {} connected\n", s["peers"]["connected"].get<std::size_t>(),
                  s["peers"]["known"].get<std::size_t>());
  const json& certificates = s["certificates"];
  out += std::format("certificate  {} {} ({}){}\n",
                     certificates["expired"].get<bool>() ? "expired" : "expires",
                     text_of(certificates["nearest_expiry"]), text_of(certificates["nearest"]),
                     certificates["authority"].get<bool>() ? ", issues for the fleet" : "");
  out += std::format("consensus    {}, {} validators, tolerates {}; proof policy {}\n",
                     text_of(s["consensus"]["engine"]),
                     s["consensus"]["validators"].get<std::size_t>(),
                     s["consensus"]["tolerates"].get<std::size_t>(),
                     s["fleet"]["proof_policy"].get<std::uint64_t>());
  out += std::format("uptime       {}\n",
                     node::format_duration(s["uptime_seconds"].get<std::uint64_t>() * kSecond));
  out += std::format("version      {}\n", text_of(s["version"]));
  return out;
}

std::string peers_text(const json& peers) {
  if (peers.empty()) {
    return "no other members: admit one with `i2 provision`\n";
  }
  std::size_t name_width = 4;
  std::size_t address_width = 7;
  for (const json& peer : peers) {
    name_width = std::max(name_width, text_of(peer["name"]).size());
    address_width = std::max(address_width, text_of(peer["address"]).size());
  }
  std::string out = std::format("{:<{}}  {:<16}  {:<15}  {:<{}}  {}\n", "NAME", name_width, "ID",
                                "STATE", "ADDRESS", address_width, "RTT");
  for (const json& peer : peers) {
    out += std::format("{:<{}}  {:<16}  {:<15}  {:<{}}  {}\n", text_of(peer["name"]), name_width,
                       text_of(peer["short_id"]), text_of(peer["state"]), text_of(peer["address"]),
                       address_width, rtt_text(peer["rtt_us"]));
  }
  return out;
}

}  // namespace

ExitCode run_status(const Options& options, const node::Config& config) {
  const Output out(options);
  const rt::SystemClock clock;
  const Timestamp until = clock.now() + options.timeout.value_or(kStart);
  for (;;) {
    const Answer answer = ask(config, options, {.verb = "status", .args = {}}, kShort);
    const json status = answer.ok() ? json::parse(answer.json) : json();
    const bool is_well = answer.ok() && status["health"] == "ok";
    if (!is_well && options.wait && clock.now() < until) {
      std::this_thread::sleep_for(kAskAgain);
      continue;
    }
    if (!answer.ok()) {
      return out.failure(answer.code, answer.message);
    }
    out.result(status, status_text(status));
    return is_well ? ExitCode::kOk : ExitCode::kFailure;
  }
}

ExitCode run_peers(const Options& options, const node::Config& config) {
  const Output out(options);
  const Answer answer = ask(config, options, {.verb = "peers", .args = {}}, kShort);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json peers = json::parse(answer.json);
  if (!options.names) {
    out.result(peers, peers_text(peers["peers"]));
    return ExitCode::kOk;
  }
  json names = json::array();
  std::string text;
  for (const json& peer : peers["peers"]) {
    names.push_back(peer["name"]);
    text += text_of(peer["name"]) + "\n";
  }
  out.result({{"names", std::move(names)}}, text);
  return ExitCode::kOk;
}

ExitCode run_path(const Options& options, const node::Config& config) {
  const Output out(options);
  const Answer answer =
      ask(config, options, {.verb = "path", .args = {{"peer", options.peer}}}, kConnect);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json path = json::parse(answer.json);
  out.result(path, std::format("{} {}  rtt {}  mtu {}  kex {}  auth {}  why: {}\n",
                               text_of(path["kind"]), text_of(path["address"]),
                               rtt_text(path["rtt_us"]), path["mtu"].get<std::uint64_t>(),
                               text_of(path["kex"]), text_of(path["auth"]), text_of(path["why"])));
  return ExitCode::kOk;
}

ExitCode run_ping(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto interval = static_cast<std::int64_t>(options.interval / kMillisecond);
  const auto on_progress = [&](const json& progress) {
    out.line(std::format("{}  sequence {}  rtt {}", options.peer,
                         progress["sequence"].get<std::int64_t>(), rtt_text(progress["rtt_us"])));
  };
  const Answer answer =
      ask(config, options,
          {.verb = "ping",
           .args = {{"peer", options.peer}, {"count", options.count}, {"interval_ms", interval}}},
          kNever, on_progress);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  const json& rtt = result["rtt_us"];
  out.result(result, std::format("{} answers from {} {}  rtt min {}  avg {}  max {}\n",
                                 result["count"].get<std::size_t>(),
                                 text_of(result["peer"]["name"]), text_of(result["address"]),
                                 rtt_text(rtt["min"]), rtt_text(rtt["avg"]), rtt_text(rtt["max"])));
  return ExitCode::kOk;
}

}  // namespace i2::app
