// backup, restore: they work on the data directory; a daemon may run for the first.
#include <i2/fleet/backups.h>
#include <i2/node/backup_parts.h>
#include <i2/node/units.h>

#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "summary.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

json backup_json(const fleet::BackupSummary& summary, const std::string& file) {
  json out = summary_json(summary.node);
  out["file"] = std::filesystem::absolute(file).string();
  out["bytes"] = summary.size;
  out["height"] = summary.height;
  out["made"] = node::format_time(summary.made);
  out["databases"] = json::array();
  for (const auto& database : summary.databases) {
    out["databases"].push_back({{"name", database.name}, {"records", database.records}});
  }
  return out;
}

std::string databases_text(const fleet::BackupSummary& summary) {
  std::string out;
  for (const auto& database : summary.databases) {
    out += std::format("database {}, {} records\n", database.name, database.records);
  }
  return out;
}

Result<fleet::BackupSummary> make_backup(const Options& options, const node::Config& config) {
  I2_TRY_VALUE(const auto parts, node::backup_parts(config.data_dir));
  return fleet::make_backup(config.data_dir, options.file, unix_now(), parts);
}

}  // namespace

ExitCode run_backup(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto summary = make_backup(options, config);
  if (!summary) {
    return out.failure(summary.error());
  }
  out.result(backup_json(*summary, options.file),
             std::format("{}backup {} ({} bytes), at block {}\n{}", summary_text(summary->node),
                         options.file, summary->size, summary->height, databases_text(*summary)));
  out.note("It holds the node's secret keys: keep it like one. What comes after it is not in it.");
  return ExitCode::kOk;
}

ExitCode run_restore(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto summary = fleet::restore_backup(
      {.data_dir = config.data_dir, .file = options.file, .newest = options.newest});
  if (!summary) {
    return out.failure(summary.error());
  }
  json object = backup_json(*summary, options.file);
  object["data_dir"] = config.data_dir.string();
  out.result(std::move(object),
             std::format("{}restored at block {}\n{}", summary_text(summary->node), summary->height,
                         databases_text(*summary)));
  out.note(
      "Never run it beside the node that was backed up. If it was a validator, `i2 validator add` "
      "makes it one again. If it kept the fleet's log, that is closed: `i2 ct activate` begins "
      "another.");
  return ExitCode::kOk;
}

}  // namespace i2::app
