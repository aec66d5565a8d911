#include <i2/fleet/data_dir.h>
#include <i2/fleet/membership.h>
#include <i2/node/units.h>
#include <i2/rt/clock.h>
#include <i2/trustchain/core/leaf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "doctor_checks.h"
#include "thresholds.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kSpaceGood = 1024ULL * 1024 * 1024;

Check failed(std::string name, const Error& error, std::string remedy) {
  return {.name = std::move(name),
          .verdict = Verdict::kFail,
          .finding = error.message(),
          .remedy = std::move(remedy)};
}

// The nearest folder that is there.
fs::path existing(fs::path path) {
  std::error_code error;
  while (path.has_relative_path() && !fs::exists(path, error)) {
    path = path.parent_path();
  }
  return path.empty() ? fs::path(".") : path;
}

}  // namespace

Check check_data_dir(const Config& config) {
  const std::string name = config.data_dir.string();
  Check out{.name = "data_directory", .verdict = Verdict::kOk, .finding = {}, .remedy = {}};
  struct stat status{};
  if (::stat(name.c_str(), &status) != 0) {
    out.verdict = errno == ENOENT ? Verdict::kWarn : Verdict::kFail;
    out.finding = errno_error("node.file_failed", "'" + name + "'", errno).message();
    out.remedy = errno == ENOENT ? "found a fleet with `i2 init`, or join one with `i2 join`"
                                 : "run this as the user of the daemon";
    return out;
  }
  if ((status.st_mode & 0077U) != 0) {
    out.verdict = Verdict::kFail;
    out.finding = "other users can look into '" + name + "'";
    out.remedy = "chmod 700 '" + name + "'";
    return out;
  }
  if (status.st_uid != ::geteuid() || ::access(name.c_str(), R_OK | W_OK | X_OK) != 0) {
    out.verdict = ::geteuid() == 0 ? Verdict::kOk : Verdict::kFail;
    out.finding = "'" + name + "' belongs to another user";
    out.remedy = ::geteuid() == 0 ? "" : "run the daemon as its owner";
    return out;
  }
  const auto state = fleet::inspect_data_dir(config.data_dir);
  if (!state) {
    return failed("data_directory", state.error(), "see docs/errors.md: " + state.error().code());
  }
  out.finding = "'" + name + "' is private and holds a node";
  if (*state != fleet::DataDirState::kComplete) {
    out.verdict = Verdict::kWarn;
    out.finding = "'" + name + "' holds no node yet";
    out.remedy = "found a fleet with `i2 init`, or join one with `i2 join`";
  }
  return out;
}

Check check_disk_space(const Config& config) {
  std::error_code error;
  const auto space = fs::space(existing(fs::absolute(config.data_dir)), error);
  if (error) {
    return failed("disk_space", errno_error("node.file_failed", "free space", error.value()), "");
  }
  Check out{.name = "disk_space",
            .verdict = Verdict::kOk,
            .finding = format_size(space.available) + " free where the data directory is",
            .remedy = {}};
  if (space.available < kSpaceGood) {
    out.verdict = space.available < kSpaceMin ? Verdict::kFail : Verdict::kWarn;
    out.remedy = "make room, or move the data directory";
  }
  return out;
}

Check check_certificate(const Config& config) {
  const UnixMillis now = rt::SystemClock().unix_now();
  const auto leaf = fleet::stored_certificate(config.data_dir);
  if (!leaf) {
    if (leaf.error().is("fleet.not_joined")) {
      return {.name = "certificate",
              .verdict = Verdict::kWarn,
              .finding = "there is no node yet, and so no certificate",
              .remedy = "see data_directory"};
    }
    return failed("certificate", leaf.error(), "see docs/errors.md: " + leaf.error().code());
  }
  const UnixMillis expiry = leaf->not_after();
  Check out{.name = "certificate",
            .verdict = Verdict::kOk,
            .finding = "good until " + format_time(expiry),
            .remedy = {}};
  if (expiry <= now) {
    out.verdict = Verdict::kFail;
    out.finding = "expired on " + format_time(expiry);
    out.remedy = "start the node where it reaches an authority of its fleet: it renews by itself";
  } else if (trustchain::is_renewal_due(*leaf, now)) {
    out.verdict = Verdict::kWarn;
    out.remedy = "its renewal is due: is the node running, and an authority reachable?";
  }
  return out;
}

}  // namespace i2::node
