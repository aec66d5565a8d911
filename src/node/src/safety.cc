#include <i2/fleet/data_dir.h>
#include <i2/fleet/ledger.h>
#include <i2/node/safety.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <format>
#include <utility>

#include "thresholds.h"

namespace i2::node {
namespace {

constexpr std::uint32_t kOthers = 0077;       // group and others
constexpr std::uint32_t kOthersWrite = 0022;  // may change it

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat out{};
  if (::stat(path.c_str(), &out) != 0) {
    return std::nullopt;
  }
  return out;
}

// What cannot be read is somebody else's to complain about.
bool has_one_validator(const std::filesystem::path& data_dir) {
  const auto lock = fleet::DataDirLock::acquire(data_dir);
  const fleet::StateMachine machine;
  if (!lock) {
    return false;
  }
  const auto ledger = fleet::open_ledger(data_dir, machine);
  if (!ledger) {
    return false;
  }
  const auto epoch = fleet::FleetState((*ledger)->chain()->state).epoch();
  return epoch && epoch->validators.size() == 1;
}

}  // namespace

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::kDevelopment:
      return "development";
    case Mode::kProduction:
      return "production";
    case Mode::kBootstrap:
      return "bootstrap";
    case Mode::kTransport:
      return "transport";
    case Mode::kGateway:
      return "gateway";
  }
  std::unreachable();
}

SafetyFacts gather_facts(const Config& config, const std::optional<std::filesystem::path>& file,
                         bool federated, UnixMillis now) {
  SafetyFacts out{.runs_as_root = ::geteuid() == 0,
                  .decides_alone = federated && has_one_validator(config.data_dir),
                  .now = now,
                  .data_dir_mode = {},
                  .config_file_mode = {}};
  if (const auto status = status_of(config.data_dir)) {
    out.data_dir_mode = status->st_mode & 07777U;
  }
  if (file) {
    if (const auto status = status_of(*file)) {
      out.config_file_mode = status->st_mode & 07777U;
      out.config_file_of_other = status->st_uid != 0 && status->st_uid != ::geteuid();
    }
  }
  return out;
}

std::vector<Error> reasons_against(const Config& config, Mode mode, const SafetyFacts& facts) {
  std::vector<Error> out;
  const std::string_view name = name_of(mode);
  if (!config.intended_mode.empty() && config.intended_mode != name &&
      (mode == Mode::kDevelopment || mode == Mode::kProduction)) {
    out.push_back(
        Error("node.mode_differs",
              std::format("the configuration is for `{}` ([deployment] mode), not for `{}`",
                          config.intended_mode, name)));
  }
  if (mode != Mode::kProduction && !config.production_checks) {
    return out;
  }
  const auto unsafe = [&](std::string reason) {
    out.push_back(Error("node.unsafe", std::move(reason)));
  };
  if (facts.decides_alone) {
    unsafe(
        "--federated: this fleet has one validator, which decides alone: start without it and make "
        "more of them with `i2 validator add NODE`");
  }
  if (config.proofs_optional) {
    unsafe(
        "[hypermesh.consensus] mandatory_four_proof = false is for development: remove the line");
  }
  if (!config.renew_certificates) {
    unsafe(
        "[certificates] auto_cert_renewal = false is for development: the node would be cut off "
        "when its certificate expires");
  }
  if (config.http.open_loopback) {
    unsafe(
        "[gateway] open_loopback = true is for development: every program on this machine could "
        "change the node");
  }
  constexpr std::uint16_t kFirstOfEverybody = 1024;
  if (config.acme.enabled &&
      std::max(config.acme.http_port, config.acme.tls_port) >= kFirstOfEverybody) {
    unsafe(
        "[trustchain.acme] http_port and tls_port from 1024 on are for development: every user of "
        "a machine could prove its names");
  }
  if (facts.runs_as_root) {
    unsafe("it would run as root: name another user with [node] user, or start it as one");
  }
  if (facts.data_dir_mode && (*facts.data_dir_mode & kOthers) != 0) {
    unsafe(std::format("other users can look into the data directory: chmod 700 '{}'",
                       config.data_dir.string()));
  }
  if (facts.config_file_mode && (*facts.config_file_mode & kOthersWrite) != 0) {
    unsafe("other users can change the configuration file: chmod go-w it");
  }
  if (facts.config_file_of_other) {
    unsafe(
        "the configuration file belongs to another user: chown it to root or to the daemon's "
        "user");
  }
  if (facts.now < kClockMin) {
    unsafe("the clock is not set: certificates could not be judged");
  }
  return out;
}

}  // namespace i2::node
