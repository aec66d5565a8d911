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
  audit->add_flag("--verify", options.verify, "check that nothing was changed or is missing");
  audit->add_option("--export", options.file, "write all entries into a file, a JSON object each")
      ->type_name("FILE");
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
  CLI::App* const evidence = action("evidence", "what proves that the log signed two trees");
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
      ->add_option("--key", options.keys,
                   "a key of the log, as `i2 ct status --json` shows it; may be repeated")
      ->type_name("KEY")
      ->required();
  action("export", "write the log's static files, or bring a copy up to date")
      ->add_option("dir", options.file, "the folder")
      ->type_name("DIR")
      ->required();
}

}  // namespace

void add_trust_verbs(const Grammar& grammar) {
  add_cert(grammar);
  add_ct(grammar);
}

}  // namespace i2::app
