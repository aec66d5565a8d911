#include <i2/node/suggest.h>
#include <i2/node/units.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <format>
#include <memory>

#include "options.h"
#include "unavailable.h"

namespace i2::app {
namespace {

constexpr std::string_view kHidden;  // a group without a name is not shown

// The texts that CLI11 writes into, beside the options themselves.
struct Raw {
  std::string timeout;
  std::string interval;
  std::string duration;
  std::string ttl;
};

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
    add_membership_verbs();
    add_peer_verbs();
    add_transfer_verbs();
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
    std::vector<VerbHelp> out{{.name = "", .summary = "", .flags = flags_of(*app_)}};
    for (const CLI::App* const verb : app_->get_subcommands(nullptr)) {
      if (verb->get_group() != kHidden) {
        out.push_back({.name = verb->get_name(),
                       .summary = verb->get_description(),
                       .flags = flags_of(*verb)});
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

  CLI::App* verb(const std::string& name, const std::string& summary, const std::string& example,
                 const std::string& group) {
    CLI::App* const out = app_->add_subcommand(name, summary);
    out->group(group);
    out->fallthrough(true);  // common flags may also stand behind the verb
    out->footer("Example:\n  " + example);
    return out;
  }

  void add_modes() {
    verb("development", "run a node in the foreground",
         "internet2-server --data-dir var --port 9292 development", "Daemon")
        ->add_flag("--legacy-gateway", legacy_gateway_, "also serve HTTP on TCP");
    verb("check-config", "read the configuration, print `ok` or every problem",
         "internet2-server --config config/development.toml check-config", "Daemon");
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

    CLI::App* const join =
        verb("join", "make this data directory the node of a bundle", "i2 join beta.bundle", group);
    join->add_option("bundle", options_.bundle, "what `i2 provision` wrote")
        ->type_name("BUNDLE")
        ->required();
    join->add_option("--name", options_.name, "ignored: the name is in the bundle")
        ->type_name("NODE");
    join->add_option("--expect", options_.expect,
                     "refuse a bundle of another fleet than the one with this chain id")
        ->type_name("CHAIN");
  }

  void add_membership_verbs() {
    const std::string group = "Members";
    CLI::App* const invite = verb("invite", "print a token with which a machine may join",
                                  "i2 invite --ttl 1h --tag laptop", group);
    invite->add_option("--ttl", raw_.ttl, "how long it holds, default 1h, at most 30 days")
        ->type_name("TIME");
    invite->add_option("--uses", options_.uses, "how many machines may use it, default 1")
        ->type_name("N")
        ->check(CLI::Range(1, 1000));
    invite->add_option("--tag", options_.tag, "a word for you, at most 64 bytes")->type_name("T");
    invite
        ->add_option("--address", options_.addresses,
                     "where the new node finds this one, [address]:port; default every global "
                     "address of this machine")
        ->type_name("ADDR");
    invite->add_flag("--list", options_.list, "list the invites there are");
    invite->add_option("--revoke", options_.revoke, "take back the invite with this tag or id")
        ->type_name("T");
    add_operator(invite);

    CLI::App* const expel = verb("expel", "end a node's membership: every member cuts it off",
                                 "i2 expel beta --reason stolen", group);
    add_peer(expel);
    expel->add_option("--reason", options_.reason, "why, for the record")
        ->type_name("R")
        ->required();
    expel->add_option("--out", options_.out, "for a validator: the file for further approvals")
        ->type_name("FILE");
    add_operator(expel);

    verb("leave", "end this node's own membership", "i2 leave", group);

    CLI::App* const operators =
        verb("operator", "list, make, add, remove operators; approve what several have to sign",
             "i2 operator new ~/operator && i2 operator add operator.public --required 2", group);
    operators->add_option("action", options_.action, "ls, new, add, rm, require, approve or submit")
        ->required()
        ->check(CLI::IsMember({"ls", "new", "add", "rm", "require", "approve", "submit"}));
    operators->add_option("word", options_.words,
                          "new: directory for the keys; add: operator.public files; rm: operator "
                          "ids; approve, submit: the file");
    operators
        ->add_option("--required", options_.required,
                     "how many have to sign from then on (add, rm, require)")
        ->type_name("N")
        ->check(CLI::Range(1, 16));
    operators->add_option("--out", options_.out, "the file for further approvals")
        ->type_name("FILE");
    add_operator(operators);

    CLI::App* const root = verb("root", "move the fleet root's keys off this machine",
                                "i2 root export /media/usb/home-root", group);
    root->add_option("action", options_.action, "export")
        ->required()
        ->check(CLI::IsMember({"export"}));
    root->add_option("directory", options_.words, "where they go; it has none yet")
        ->type_name("DIR")
        ->required()
        ->expected(1);
    add_operator(root);
  }

  void add_operator(CLI::App* to) {
    to->add_option("--operator", options_.operator_dir,
                   "directory of the operator's keys, default DIR/identity")
        ->type_name("KEYS");
  }

  void add_peer_verbs() {
    const std::string group = "Connect";
    verb("status", "the node, its fleet, its certificate", "i2 status", group);
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
    std::ranges::for_each(unavailable_modes(), add);
  }

  static std::vector<std::string> flags_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::Option* const option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        out.push_back("--" + name);
      }
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
    const CLI::App* const verb = active();
    const std::string name =
        verb == nullptr ? options_.program : options_.program + " " + verb->get_name();
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
    for (const auto& read : {read_duration(raw_.timeout, options_.timeout),
                             read_duration(raw_.interval, options_.interval),
                             read_duration(raw_.duration, options_.duration),
                             read_duration(raw_.ttl, options_.ttl)}) {
      if (!read) {
        return usage(read.error().to_string());
      }
    }
    if (const CLI::App* const verb = active()) {
      options_.verb = verb->get_name();
    } else if (options_.program != "stoq-transport") {
      std::fputs(app_->help().c_str(), stderr);
      return std::unexpected(node::ExitCode::kUsage);
    }
    return refuse_unavailable();
  }

  std::expected<Options, node::ExitCode> refuse_unavailable() {
    std::string_view reason;
    for (const auto& list : {unavailable_verbs(), unavailable_modes()}) {
      const auto found = std::ranges::find(list, options_.verb, &Unavailable::name);
      if (found != list.end()) {
        reason = found->reason;
      }
    }
    if (legacy_gateway_) {
      reason = "the HTTP gateway is not part of this version";
    }
    if (options_.program == "stoq-transport" && options_.verb != "version" &&
        options_.verb != "check-config") {
      reason =
          "the transport does not run on its own in this version; run `internet2-server "
          "development`";
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
  bool legacy_gateway_ = false;
};

std::string program_name(const char* path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return name == "i2" || name == "stoq-transport" ? name : "internet2-server";
}

}  // namespace

std::expected<Options, node::ExitCode> parse(int argc, char** argv) {
  return Parser(program_name(argc > 0 ? argv[0] : "internet2-server")).parse(argc, argv);
}

std::vector<VerbHelp> describe() {
  return Parser("i2").describe();
}

}  // namespace i2::app
