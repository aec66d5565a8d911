#include <CLI/CLI.hpp>

#include "grammar.h"

namespace i2::app {
namespace {

void add_cert(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const cert = grammar.verb("cert", "issue, show, list, renew and revoke certificates",
                                      "i2 cert issue --cn web.home.i2.internal --out .", "Trust");
  cert->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = cert->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  CLI::App* const issue = action("issue", "a certificate for a server of the fleet");
  issue->add_option("--cn", options.common_name, "its name")->type_name("N")->required();
  issue->add_option("--san", options.names_more, "another name, or an IPv6 address")
      ->type_name("S");
  issue->add_option("--csr", options.csr, "a certificate request in PEM; default: a fresh key")
      ->type_name("FILE");
  issue
      ->add_option("--alg", options.algorithm,
                   "of the fresh key: p256 (default), ed25519, falcon1024")
      ->type_name("ALG")
      ->check(CLI::IsMember({"p256", "ed25519", "falcon1024"}));
  issue
      ->add_option("--out", options.out, "directory for CN.pem and CN.key, default the present one")
      ->type_name("DIR");
  action("show", "a certificate that was issued, one in a file, or this node's own")
      ->add_option("certificate", options.words, "a serial number, or a PEM file")
      ->type_name("SERIAL|FILE")
      ->expected(0, 1);
  CLI::App* const list = action("list", "what this authority issued");
  list->add_option("--name", options.name, "with this name")->type_name("N");
  list->add_option("--requester", options.requester, "for this requester")->type_name("R");
  list->add_flag("--fleet", options.of_fleet,
                 "those of all authorities, as the fleet's index has them");
  action("rotate", "renew this node's certificates now");
  CLI::App* const revoke = action("revoke", "have certificates refused everywhere");
  revoke
      ->add_option("what", options.words,
                   "a member: all that it has been issued; or the serial number of one")
      ->type_name("NODE|SERIAL")
      ->required()
      ->expected(1);
  revoke->add_option("--reason", options.reason, "keyCompromise, superseded, ...: RFC 5280")
      ->type_name("R");
  add_approvals(grammar, revoke);
  add_operator_keys(grammar, revoke);
  CLI::App* const pin = action("pin", "say which authorities may issue a member's certificates");
  pin->add_option(
         "pins", options.words,
         "a member, and the SHA-256 of an authority's public key; without: no pin any more")
      ->type_name("NODE SPKI")
      ->required()
      ->expected(1, 2);
  pin->add_option("--backup", options.backups, "of another authority; may be repeated")
      ->type_name("SPKI");
  pin->add_flag("--report", options.report, "only log it when another authority appears");
  add_approvals(grammar, pin);
  add_operator_keys(grammar, pin);
  CLI::App* const audit = action("audit", "who decided what about certificates");
  audit->add_flag("--verify", options.verify,
                  "check that nothing was changed or is missing; with FILE there");
  audit->add_option("file", options.words, "what --out has written; needs no daemon")
      ->type_name("FILE")
      ->expected(0, 1);
  audit->add_option("--actor", options.actor, "what this one asked for")->type_name("A");
  audit->add_option("--action", options.decision, "decisions of this kind: issue, revoke, ...")
      ->type_name("A");
  audit->add_option("--since", options.since, "of the last so long")->type_name("DURATION");
  audit
      ->add_option("--out,--export", options.file,
                   "write the entries into a file, a JSON object each")
      ->type_name("FILE");
}

void add_authority(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const authority =
      grammar.verb("authority", "say which members issue the fleet's certificates",
                   "i2 authority request --out beta.request", "Trust");
  authority->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = authority->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  const auto word = [&](CLI::App* to, const std::string& type, const std::string& what) {
    to->add_option("what", options.words, what)->type_name(type)->required()->expected(1);
  };
  const auto written = [&](CLI::App* to, const std::string& what) {
    to->add_option("--out", options.out, what)->type_name("FILE")->required();
  };
  CLI::App* const request =
      action("request", "make keys on this node, and ask for them to be trusted");
  written(request, "the request");
  request->add_flag("--renew", options.renew, "new keys for a node that is an authority");
  CLI::App* const grant = action("grant", "sign a request with the root's keys");
  word(grant, "FILE", "what `i2 authority request` wrote");
  written(grant, "the grant; where several operators have to sign, FILE.operation is for them");
  grant
      ->add_option("--root", options.root_dir,
                   "directory of the root's keys, default DIR/identity/root")
      ->type_name("KEYS");
  add_operator_keys(grammar, grant);
  word(action("install", "take over a grant on the node that asked"), "FILE",
       "what `i2 authority grant` wrote");
  action("ls", "the authorities, and until when they are");
  CLI::App* const remove = action("rm", "end a member's issuing: what it issued is refused");
  word(remove, "NODE", "its name or id, or the id of one of its anchors");
  add_approvals(grammar, remove);
  add_operator_keys(grammar, remove);
}

void add_token(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const token = grammar.verb("token", "who may ask this node over HTTP, and as what",
                                       "i2 token add watcher --role auditor", "Trust");
  token->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = token->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  CLI::App* const add = action("add", "a new token; it is shown once");
  add->add_option("name", options.words, "its name")->type_name("NAME")->required()->expected(1);
  add->add_option("--role", options.role, "what it may do: auditor, operator, admin")
      ->type_name("ROLE")
      ->required()
      ->check(CLI::IsMember({"auditor", "operator", "admin"}));
  action("ls", "their names and roles");
  action("rm", "it is good for nothing from now on")
      ->add_option("name", options.words, "its name")
      ->type_name("NAME")
      ->required()
      ->expected(1);
}

void add_standby(const Grammar& grammar, CLI::App& ct) {
  Options& options = grammar.options;
  CLI::App* const standby =
      ct.add_subcommand("standby", "nodes whose logs take over when the fleet's is lost");
  standby->fallthrough(true);
  standby->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = standby->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = "standby " + name; });
    return out;
  };
  const auto signed_action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = action(name, summary);
    out->add_option("node", options.words, "its name or id")
        ->type_name("NODE")
        ->required()
        ->expected(1);
    add_approvals(grammar, out);
    add_operator_keys(grammar, out);
  };
  signed_action("add", "name a member, behind those that are named already");
  signed_action("rm", "take that back");
  action("ls", "them, in the order in which they take over");
}

void add_ct(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const ct = grammar.verb("ct", "the fleet's certificate transparency log",
                                    "i2 ct proof $FINGERPRINT --out proof.txt", "Trust");
  ct->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& summary) {
    CLI::App* const out = ct->add_subcommand(name, summary);
    out->fallthrough(true);
    out->callback([&options, name] { options.action = name; });
    return out;
  };
  action("status", "its name, keys, size and last checkpoint");
  CLI::App* const activate =
      action("activate", "make this node's log the fleet's in place of the present one");
  add_approvals(grammar, activate);
  add_operator_keys(grammar, activate);
  add_standby(grammar, *ct);
  action("takeover", "make this node's log, which stands by, the fleet's now");
  CLI::App* const consistency =
      action("consistency", "that one size of the log is the beginning of another");
  consistency->add_option("old", options.old_size, "the smaller size")
      ->type_name("OLD")
      ->required()
      ->check(CLI::NonNegativeNumber);
  consistency->add_option("new", options.new_size, "the larger size")
      ->type_name("NEW")
      ->required()
      ->check(CLI::NonNegativeNumber);
  CLI::App* const evidence = action("evidence", "what convicts the log or an authority");
  evidence->add_option("--out", options.out, "write the evidence here")->type_name("FILE");
  const auto require = [&](CLI::App* of) {
    of->add_option("--require-witnesses", options.witnesses_required,
                   "fail when fewer members have cosigned")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
  };
  require(action("audit", "read the whole log and compute all of it again"));
  CLI::App* const proof =
      action("proof", "that a certificate is in the log, to be verified without it");
  proof->add_option("fingerprint", options.fingerprint, "SHA-256 of the certificate (DER), in hex")
      ->type_name("FINGERPRINT")
      ->required();
  proof->add_option("--out", options.out, "write the proof here")->type_name("FILE");
  CLI::App* const verify = action("verify", "verify a proof; needs no daemon and no network");
  verify->add_option("file", options.file, "what `i2 ct proof` wrote")
      ->type_name("FILE")
      ->required();
  verify
      ->add_option("--key", options.keys,
                   "a key of the log, as `i2 ct status --json` shows it; may be repeated")
      ->type_name("KEY")
      ->required();
  verify
      ->add_option("--witness", options.witnesses,
                   "a key of a witness, from the same place; may be repeated")
      ->type_name("KEY");
  require(verify);
  CLI::App* const convict =
      action("verify-evidence", "verify evidence; needs no daemon and no network");
  convict->add_option("file", options.file, "what `i2 ct evidence` wrote")
      ->type_name("FILE")
      ->required();
  convict
      ->add_option(
          "--key", options.keys,
          "a key of the log, as `i2 ct status --json` shows it, or of an authority, as `i2 "
          "authority ls --json` does; may be repeated")
      ->type_name("KEY")
      ->required();
  CLI::App* const files =
      action("export", "write the log's static files, or bring a copy up to date");
  files->add_option("dir", options.file, "the folder")->type_name("DIR")->required();
  files
      ->add_option("--log", options.log,
                   "which one, where a closed log came out of a backup; default: the one that "
                   "this node writes, or else a closed one")
      ->type_name("ORIGIN");
}

void add_acme(const Grammar& grammar) {
  Options& options = grammar.options;
  CLI::App* const acme = grammar.verb("acme", "the ACME server: accounts, and keys for new ones",
                                      "i2 acme eab add printer", "Trust");
  acme->require_subcommand(1);
  const auto action = [&options](CLI::App* of, const std::string& path,
                                 const std::string& summary) {
    CLI::App* const out = of->add_subcommand(path.substr(path.rfind(' ') + 1), summary);
    out->fallthrough(true);
    out->callback([&options, path] { options.action = path; });
    return out;
  };
  const auto word = [&options](CLI::App* of, const std::string& name, const std::string& meaning,
                               const std::string& type) {
    of->add_option(name, options.words, meaning)->type_name(type)->required()->expected(1);
  };
  action(acme, "status", "where it is, and what it did since the start");
  CLI::App* const account = acme->add_subcommand("account", "accounts of clients");
  account->fallthrough(true);
  account->require_subcommand(1);
  action(account, "account ls", "all of them");
  word(action(account, "account show", "one, with its orders"), "account", "its id", "ID");
  word(action(account, "account deactivate", "it gets nothing any more, for good"), "account",
       "its id", "ID");
  CLI::App* const eab = acme->add_subcommand("eab", "keys with which new accounts are bound");
  eab->fallthrough(true);
  eab->require_subcommand(1);
  word(action(eab, "eab add", "make a key; it is shown this once"), "kid", "a name for it", "KID");
  action(eab, "eab ls", "their names, and the accounts that were bound");
  word(action(eab, "eab rm", "no new accounts with this key"), "kid", "its name", "KID");
}

}  // namespace

void add_trust_verbs(const Grammar& grammar) {
  add_acme(grammar);
  add_authority(grammar);
  add_cert(grammar);
  add_ct(grammar);
  add_token(grammar);
}

}  // namespace i2::app
