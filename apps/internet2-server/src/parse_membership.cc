#include <CLI/CLI.hpp>

#include "grammar.h"

namespace i2::app {
void add_operator_keys(const Grammar& grammar, CLI::App* to) {
  to->add_option("--operator", grammar.options.operator_dir,
                 "directory of the operator's keys, default DIR/identity")
      ->type_name("KEYS");
}

void add_approvals(const Grammar& grammar, CLI::App* to) {
  to->add_option("--out", grammar.options.out,
                 "where several operators have to sign: the file for their approvals")
      ->type_name("FILE");
}

namespace {

const std::string kMembersGroup = "Members";

void add_invite(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const invite = grammar.verb("invite", "print a token with which a machine may join",
                                        "i2 invite --ttl 1h --tag laptop", kMembersGroup);
  invite->add_option("--ttl", grammar.raw.ttl, "how long it holds, default 1h, at most 30 days")
      ->type_name("TIME");
  invite->add_option("--uses", options.uses, "how many machines may use it, default 1")
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  invite->add_option("--tag", options.tag, "a word for you, at most 64 bytes")->type_name("T");
  invite
      ->add_option("--address", options.addresses,
                   "where the new node finds this one, [address]:port; default every global "
                   "address of this machine")
      ->type_name("ADDR");
  invite->add_flag("--list", options.list, "list the invites there are");
  invite->add_option("--revoke", options.revoke, "take back the invite with this tag or id")
      ->type_name("T");
  add_operator_keys(grammar, invite);
}

void add_leaving(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const expel =
      grammar.verb("expel", "end nodes' memberships: every member cuts them off",
                   "i2 expel beta --reason stolen", kMembersGroup);
  expel->add_option("nodes", options.words, "members' names or ids: all of them go, or none")
      ->type_name("NODE")
      ->required();
  expel->add_option("--reason", options.reason, "why, for the record")->type_name("R")->required();
  add_approvals(grammar, expel);
  add_operator_keys(grammar, expel);
  grammar.verb("leave", "end this node's own membership", "i2 leave", kMembersGroup);
}

void add_operators(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const operators = grammar.verb(
      "operator", "list, make, add, remove operators; approve what several have to sign",
      "i2 operator new ~/operator && i2 operator add ~/operator/operator.public", kMembersGroup);
  operators->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = operators->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  const auto words = [&options](CLI::App* to, const std::string& what, const std::string& help,
                                bool several) {
    CLI::Option* const option =
        to->add_option("word", options.words, help)->type_name(what)->required();
    if (!several) {
      option->expected(1);
    }
  };
  const auto required = [&options](CLI::App* to) {
    return to->add_option("--required", options.required, "how many have to sign from then on")
        ->type_name("N")
        ->check(CLI::Range(1, 16));
  };
  action("list", "the operators, and how many of them have to sign");
  words(action("new", "make a pair of keys, and operator.public for others"), "DIR",
        "directory for the keys", false);
  CLI::App* const add = action("add", "make somebody an operator");
  words(add, "FILE", "operator.public of each", true);
  CLI::App* const remove = action("rm", "end somebody's being an operator");
  words(remove, "ID", "operator ids", true);
  CLI::App* const require = action("require", "change how many have to sign");
  required(require)->required();
  for (CLI::App* const change : {add, remove, require}) {
    add_approvals(grammar, change);
    add_operator_keys(grammar, change);
  }
  required(add);
  required(remove);
  CLI::App* const approve = action("approve", "sign what another operator wants");
  CLI::App* const submit = action("submit", "have it ordered when enough have signed");
  for (CLI::App* const turn : {approve, submit}) {
    words(turn, "FILE", "of --out", false);
    add_operator_keys(grammar, turn);
  }
}

void add_root(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const root = grammar.verb("root", "move the fleet root's keys off this machine",
                                      "i2 root export /media/usb/home-root", kMembersGroup);
  root->require_subcommand(1);
  CLI::App* const out = root->add_subcommand("export", "move them into a directory of yours");
  out->fallthrough(true);
  out->callback([&options] { options.action = "export"; });
  out->add_option("directory", options.words, "where they go; it has none yet")
      ->type_name("DIR")
      ->required()
      ->expected(1);
  add_operator_keys(grammar, out);
}

void add_validators(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const validator =
      grammar.verb("validator", "say which nodes order the fleet's operations",
                   "i2 validator add beta", kMembersGroup);
  validator->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = validator->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    out->add_option("node", options.words, "a member's name or id")
        ->type_name("NODE")
        ->required()
        ->expected(1);
    add_approvals(grammar, out);
    add_operator_keys(grammar, out);
  };
  action("add", "let a member vote, from the next epoch on; it has to be running");
  action("rm", "end a member's voting");
}

void add_consensus(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const consensus = grammar.verb(
      "consensus", "how the fleet orders operations, and who was caught lying about it",
      "i2 consensus status", kMembersGroup);
  consensus->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = consensus->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  action("status", "validators, epoch, how many may fail");
  CLI::App* const evidence = action("evidence", "the validators that have been convicted");
  evidence->add_flag("--verify", options.verify,
                     "check the proofs here, from the fleet's genesis on");
  evidence
      ->add_option("file", options.words,
                   "what `i2 consensus evidence --json` has printed, instead of asking the daemon")
      ->type_name("FILE")
      ->expected(0, 1);
}

}  // namespace

void add_membership_verbs(const Grammar& grammar) {
  add_invite(grammar);
  add_leaving(grammar);
  add_operators(grammar);
  add_root(grammar);
  add_validators(grammar);
  add_consensus(grammar);
}

}  // namespace i2::app
