#include <i2/node/suggest.h>
#include <i2/node/units.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <format>
#include <memory>

#include "grammar.h"
#include "unavailable.h"

namespace i2::app {
namespace {

class Parser {
 public:
  explicit Parser(std::string program)
      : app_(std::make_unique<CLI::App>("Internet 2.0: a private post-quantum network", program)) {
    options_.program = std::move(program);
    app_->set_help_flag("-h,--help", "show this help, or that of a verb");
    app_->set_version_flag("--version", std::string("internet2-server ") + I2_VERSION);
    app_->footer(
        "Exit codes: 0 ok, 1 failure, 2 usage, 3 no daemon or no node, 4 unreachable, 5 denied, 6 "
        "timeout, "
        "7 out of resources, 8 integrity.\nEach verb has its own --help with an example.");
    app_->fallthrough(false);
    add_common();
    add_modes();
    add_setup_verbs();
    add_membership_verbs(grammar());
    add_peer_verbs();
    add_transfer_verbs();
    add_trust_verbs(grammar());
    add_operation_verbs(grammar());
    add_unavailable();
  }

  std::expected<Options, node::ExitCode> parse(int argc, char** argv) {
    try {
      app_->parse(argc, argv);
    } catch (const CLI::Success& shown) {  // --help, --version
      (void)app_->exit(shown);
      return std::unexpected(node::ExitCode::kOk);
    } catch (const CLI::ExtrasError&) {
      return usage(explain_extras());
    } catch (const CLI::ParseError& error) {
      return usage(error.what());
    }
    return finish();
  }

  std::vector<VerbHelp> describe() const {
    std::vector<VerbHelp> out{{.name = "", .summary = "", .flags = flags_of(*app_), .actions = {}}};
    for (const CLI::App* const verb : app_->get_subcommands(nullptr)) {
      if (verb->get_group() != kHidden) {
        out.push_back({.name = verb->get_name(),
                       .summary = verb->get_description(),
                       .flags = flags_of(*verb),
                       .actions = actions_of(*verb)});
      }
    }
    return out;
  }

 private:
  void add_common() {
    app_->add_option("--config", options_.config, "configuration file (TOML)")->type_name("FILE");
    app_->add_option("--data-dir", options_.data_dir, "the node's data directory (I2_DATA_DIR)")
        ->type_name("DIR");
    app_->add_option("--socket", options_.socket,
                     "the daemon's socket, default DIR/admin.sock (I2_SOCKET)")
        ->type_name("PATH");
    app_->add_option("--bind", options_.bind, "IPv6 address to listen on, default [::] (I2_BIND)")
        ->type_name("ADDR");
    app_->add_option("--port", options_.port, "UDP port to listen on, default 9292 (I2_PORT)")
        ->type_name("N");
    app_->add_option("--timeout", raw_.timeout, "give up after so long, for example 10s")
        ->type_name("TIME");
    app_->add_flag("--json", options_.json, "answer with one JSON object on standard output");
  }

  Grammar grammar() { return {.app = *app_, .options = options_, .raw = raw_}; }

  CLI::App* verb(const std::string& name, const std::string& summary, const std::string& example,
                 const std::string& group) {
    return grammar().verb(name, summary, example, group);
  }

  void add_modes() {
    verb("development", "run a node in the foreground",
         "internet2-server --data-dir var --port 9292 development", "Daemon")
        ->add_flag("--legacy-gateway", options_.legacy_gateway,
                   "serve HTTP on TCP too, whatever the file says");
    verb("production", "the same for a real fleet: starts only when nothing is unsafe",
         "internet2-server --config config/production.toml production", "Daemon")
        ->add_flag("--federated", options_.federated,
                   "order the fleet's changes together with the other validators");
    CLI::App* const bootstrap =
        verb("bootstrap", "run a node, founding its fleet if there is none",
             "internet2-server --data-dir var bootstrap --root-authority --fleet home", "Daemon");
    bootstrap->add_flag("--root-authority", options_.root_authority,
                        "found a fleet in an empty data directory (as `i2 init`)");
    bootstrap->add_option("--fleet", options_.fleet, "name of the fleet, default home")
        ->type_name("F");
    bootstrap->add_option("--name", options_.name, "name of this node, default the host's")
        ->type_name("NODE");
    verb("gateway", "run a node that serves HTTP and offers nothing to other members",
         "internet2-server --config config/gateway.toml gateway", "Daemon")
        ->add_flag("--translate-protocols", options_.translate_protocols,
                   "serve services of other members over HTTP");
    verb("check-config", "read the configuration, print `ok` or every problem",
         "internet2-server check-config config/development.toml", "Daemon")
        ->add_option("file", options_.file, "the file, instead of --config")
        ->type_name("FILE");
    verb("version", "print the version", "i2 version --json", "Daemon");
  }

  void add_setup_verbs() {
    const std::string group = "Set up";
    CLI::App* const init =
        verb("init", "found a fleet: keys, certificate and ledger of its first node",
             "i2 init --fleet home --name alpha", group);
    init->add_option("--fleet", options_.fleet, "name of the fleet, default home")->type_name("F");
    init->add_option("--name", options_.name, "name of this node, default the host's")
        ->type_name("NODE");

    CLI::App* const provision =
        verb("provision", "admit a new member and write the bundle with which it joins",
             "i2 provision --name beta --out beta.bundle", group);
    provision->add_option("--name", options_.name, "name of the new node")
        ->type_name("NODE")
        ->required();
    provision->add_option("--out", options_.out, "the bundle; it holds secret keys")
        ->type_name("FILE")
        ->required();
    provision
        ->add_option(
            "--address", options_.addresses,
            "where the new node finds this one, [address]:port; default every global address "
            "of this machine")
        ->type_name("ADDR");

    CLI::App* const join = verb("join", "make this machine a member, with an invite or a bundle",
                                "i2 join i2join1_aebagba... --name beta", group);
    join->add_option("bundle", options_.bundle,
                     "what `i2 invite` printed, or the file that `i2 provision` wrote")
        ->type_name("TOKEN|BUNDLE")
        ->required();
    join->add_option("--name", options_.name,
                     "with a token: the name of this node, default the host's; a taken one gets a "
                     "number")
        ->type_name("NODE");
    join->add_option("--expect", options_.expect,
                     "refuse another fleet than the one with this chain id")
        ->type_name("CHAIN");
    join->add_flag("--replace", options_.replace,
                   "put the node that is there aside, if it is alone in its own fleet");
  }

  void add_peer_verbs() {
    const std::string group = "Connect";
    verb("status", "the node, its fleet, its certificate", "i2 status --wait", group)
        ->add_flag("--wait", options_.wait,
                   "wait until the daemon runs and is well, at most --timeout or 60s");
    verb("peers", "the other members and how they are reached", "i2 peers", group)
        ->add_flag("--names", options_.names, "only the names, one a line");
    add_peer(verb("path", "how a peer is reached: address, round trip, cryptography",
                  "i2 path beta", group));
    CLI::App* const ping = verb("ping", "measure the round trip to a peer",
                                "i2 ping beta --count 5 --interval 200ms", group);
    add_peer(ping);
    ping->add_option("--count", options_.count, "how many, default 1")
        ->type_name("N")
        ->check(CLI::Range(1, 100'000));
    ping->add_option("--interval", raw_.interval, "time between two, default 1s")
        ->type_name("TIME");
  }

  void add_transfer_verbs() {
    const std::string group = "Move data";
    CLI::App* const send = verb("send", "send a file; run again to resume an interrupted transfer",
                                "i2 send backup.tar beta", group);
    send->add_option("file", options_.file, "the file to send")->type_name("FILE")->required();
    add_peer(send);
    CLI::App* const recv = verb("recv", "list the received files, or take them out of the inbox",
                                "i2 recv --wait --timeout 10m --out ~/Downloads", group);
    recv->add_flag("--wait", options_.wait, "wait until there is one");
    recv->add_option("--out", options_.out, "move the files into this directory")->type_name("DIR");
    CLI::App* const bench = verb("bench", "measure what arrives at a peer",
                                 "i2 bench beta --streams 4 --duration 10s", group);
    add_peer(bench);
    bench->add_option("--streams", options_.streams, "streams at once, default 1")
        ->type_name("N")
        ->check(CLI::Range(1, 256));
    bench->add_option("--duration", raw_.duration, "how long, default 10s")->type_name("TIME");
    bench->add_flag("--datagram", options_.datagram, "datagrams instead of streams");

    verb("completion", "print a completion script for a shell",
         "i2 completion bash > ~/.local/share/bash-completion/completions/i2", "Shell")
        ->add_option("shell", options_.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  void add_peer(CLI::App* to) {
    to->add_option("peer", options_.peer, "a member's name or id, or [address]:port")
        ->type_name("PEER")
        ->required();
  }

  void add_unavailable() {
    const auto add = [this](const Unavailable& what) {
      CLI::App* const out = app_->add_subcommand(std::string(what.name), "");
      out->group(std::string(kHidden));
      out->set_help_flag();
      out->prefix_command();  // whatever follows is not looked at
    };
    std::ranges::for_each(unavailable_verbs(), add);
  }

  // Those of its actions too.
  static std::vector<std::string> flags_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::Option* const option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        out.push_back("--" + name);
      }
    }
    for (const CLI::App* const action : app.get_subcommands(nullptr)) {
      if (app.get_parent() != nullptr) {
        std::ranges::copy_if(flags_of(*action), std::back_inserter(out), [&](const auto& flag) {
          return std::ranges::find(out, flag) == out.end();
        });
      }
    }
    return out;
  }

  static std::vector<std::string> actions_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::App* const action : app.get_subcommands(nullptr)) {
      out.push_back(action->get_name());
    }
    return out;
  }

  const CLI::App* active() const {
    const auto verbs = app_->get_subcommands();
    return verbs.empty() ? nullptr : verbs.front();
  }

  std::string explain_extras() const {
    const auto extras = app_->remaining(true);
    const std::string word = extras.empty() ? "" : extras.front();
    std::vector<std::string> known;
    if (word.starts_with('-')) {
      known = flags_of(*app_);
      if (const CLI::App* const verb = active()) {
        std::ranges::copy(flags_of(*verb), std::back_inserter(known));
      }
    } else if (active() == nullptr) {
      for (const CLI::App* const verb : app_->get_subcommands(nullptr)) {
        known.push_back(verb->get_name());
      }
    } else {
      return std::format("'{}' is one word too many", word);
    }
    const std::string flag = word.substr(0, word.find('='));
    const std::vector<std::string_view> views(known.begin(), known.end());
    return std::format("unknown {} '{}'{}", word.starts_with('-') ? "flag" : "verb", flag,
                       node::did_you_mean(flag, views));
  }

  std::unexpected<node::ExitCode> usage(std::string_view problem) const {
    std::string name = options_.program;
    for (auto at = app_->get_subcommands(); !at.empty(); at = at.front()->get_subcommands()) {
      name += " " + at.front()->get_name();
    }
    std::fputs(std::format("{}: {}\nTry `{} --help`.\n", options_.program, problem, name).c_str(),
               stderr);
    return std::unexpected(node::ExitCode::kUsage);
  }

  template <class Target>
  Result<void> read_duration(const std::string& text, Target& out) const {
    if (!text.empty()) {
      I2_TRY_VALUE(out, node::parse_duration(text));
    }
    return {};
  }

  std::expected<Options, node::ExitCode> finish() {
    for (const auto& read :
         {read_duration(raw_.timeout, options_.timeout),
          read_duration(raw_.interval, options_.interval),
          read_duration(raw_.duration, options_.duration), read_duration(raw_.ttl, options_.ttl)}) {
      if (!read) {
        return usage(read.error().to_string());
      }
    }
    if (const CLI::App* const verb = active()) {
      options_.verb = verb->get_name();
      if (options_.program == "stoq-transport" && options_.verb != "version" &&
          options_.verb != "check-config") {
        return usage(
            "it runs the transport alone and has no other modes than `check-config` and "
            "`version`; `internet2-server` and `i2` have");
      }
    } else if (options_.program != "stoq-transport") {
      std::fputs(app_->help().c_str(), stderr);
      return std::unexpected(node::ExitCode::kUsage);
    }
    return refuse_unavailable();
  }

  std::expected<Options, node::ExitCode> refuse_unavailable() {
    std::string_view reason;
    const auto list = unavailable_verbs();
    const auto found = std::ranges::find(list, options_.verb, &Unavailable::name);
    if (found != list.end()) {
      reason = found->reason;
    }
    if (options_.translate_protocols) {
      reason = "services of other members over HTTP are not part of this version";
    }
    if (reason.empty()) {
      return options_;
    }
    std::fputs(std::format("{}: not available: {}\n", options_.program, reason).c_str(), stderr);
    return std::unexpected(node::ExitCode::kFailure);
  }

  std::unique_ptr<CLI::App> app_;
  Options options_;
  Raw raw_;
};

std::string program_name(const char* path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return name == "i2" || name == "stoq-transport" ? name : "internet2-server";
}

}  // namespace

CLI::App* Grammar::verb(const std::string& name, const std::string& summary,
                        const std::string& example, const std::string& group) const {
  CLI::App* const out = app.add_subcommand(name, summary);
  out->group(group);
  out->fallthrough(true);
  out->footer("Example:\n  " + example);
  return out;
}

std::expected<Options, node::ExitCode> parse(int argc, char** argv) {
  return Parser(program_name(argc > 0 ? argv[0] : "internet2-server")).parse(argc, argv);
}

std::vector<VerbHelp> describe() {
  return Parser("i2").describe();
}

}  // namespace i2::app
