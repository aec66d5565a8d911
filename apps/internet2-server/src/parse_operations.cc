#include <CLI/CLI.hpp>

#include "grammar.h"

namespace i2::app {
namespace {

const std::string kGroup = "Operate";

void add_config(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const config = grammar.verb("config", "check, show or reload the configuration",
                                        "i2 config check config/production.toml", kGroup);
  config->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = config->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  action("check", "print every problem of a file, the environment and the flags")
      ->add_option("file", options.file, "the file, instead of --config")
      ->type_name("FILE");
  CLI::App* const show = action("show", "print every setting and its value, as TOML");
  show->add_flag("--origin", options.origin, "say for each setting where its value comes from");
  show->add_flag("--running", options.running, "of the running daemon");
  action("reload", "let the daemon read its configuration again (as SIGHUP)");
}

}  // namespace

void add_operation_verbs(const Grammar& grammar) {
  add_config(grammar);
  grammar.verb("metrics", "what the node has counted", "i2 metrics --format prometheus", kGroup)
      ->add_option("--format", grammar.options.format,
                   "prometheus or openmetrics, for programs; default a table")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"prometheus", "openmetrics"}));
  grammar
      .verb("backup", "write this node, with its secret keys, into one file",
            "i2 backup /media/usb/alpha.i2backup", kGroup)
      ->add_option("file", grammar.options.file, "the file; it must not exist yet")
      ->type_name("FILE")
      ->required();
  CLI::App* const restore =
      grammar.verb("restore", "make this machine the node of a backup",
                   "i2 --data-dir /var/lib/internet2 restore /media/usb/alpha.i2backup", kGroup);
  restore->add_option("file", grammar.options.file, "what `i2 backup` wrote")
      ->type_name("FILE")
      ->required();
  restore->add_flag("--newest", grammar.options.newest,
                    "go on at once: no other member knows what came after the backup");
  grammar.verb("doctor", "look for what keeps a node from working well on this machine",
               "i2 doctor --json", kGroup);
}

}  // namespace i2::app
