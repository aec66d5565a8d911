// invite, expel, leave, operator, root: changes of the fleet that its ledger orders.
#include <i2/node/addresses.h>
#include <i2/node/units.h>
#include <i2/trustchain/core/trust_operations.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

// Where a newcomer finds this node.
Result<std::vector<fleet::PeerHint>> make_hints(const Options& options, const node::Config& config,
                                                const Session& session) {
  NodeId self;
  I2_TRY_VALUE(self.bytes, from_hex((*session.ledger)["node"]["id"].get<std::string>(), "node id"));
  std::vector<std::string> texts = options.addresses;
  if (texts.empty()) {
    texts = (*session.ledger)["node"]["addresses"].get<std::vector<std::string>>();
  }
  std::vector<fleet::PeerHint> out;
  for (const std::string& text : texts) {
    I2_TRY_VALUE(const auto address, stoq::core::SocketAddress::parse(text, config.bind.port));
    const auto hint = node::to_hint(self, address);
    if (!hint) {
      return fail("fleet.hint_refused",
                  std::format("{} means nothing on another host: name an address with --address",
                              address.to_string()));
    }
    if (out.size() < fleet::kTokenPeersMax) {
      out.push_back(*hint);
    }
  }
  return out;
}

ExitCode list_invites(const Options& options, const node::Config& config) {
  const Output out(options);
  auto answer = ask_json(config, options, "invites", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  std::string text;
  for (const json& invite : (*answer)["invites"]) {
    text += std::format(
        "{}  {} left  expires {}  {}{}\n", invite["id"].get<std::string>().substr(0, 16),
        invite["uses_left"].get<std::uint64_t>(), invite["expires"].get<std::string>(),
        invite["tag"].get<std::string>(), invite["revoked"].get<bool>() ? "  revoked" : "");
  }
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

Result<fleet::InviteId> find_invite(const Options& options, const node::Config& config) {
  I2_TRY_VALUE(const json answer, ask_json(config, options, "invites", {}));
  std::vector<std::string> found;
  for (const json& invite : answer["invites"]) {
    const auto id = invite["id"].get<std::string>();
    if (id.starts_with(options.revoke) || invite["tag"] == options.revoke) {
      found.push_back(id);
    }
  }
  if (found.size() != 1) {
    return fail("trust.invite_unknown",
                std::format("{} invites have the id or tag '{}': see `i2 invite --list`",
                            found.size(), options.revoke));
  }
  fleet::InviteId out;
  I2_TRY_VALUE(out.bytes, from_hex(found.front(), "invite id"));
  return out;
}

}  // namespace

ExitCode run_invite(const Options& options, const node::Config& config) {
  const Output out(options);
  if (options.list) {
    return list_invites(options, config);
  }
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  if (options.revoke.empty() && !(*session->ledger)["node"]["admits"].get<bool>()) {
    return out.failure("fleet.no_anchor",
                       "a newcomer gets its certificate from the node that invites it, and this "
                       "one issues none: invite where a certificate authority runs, in a mode "
                       "that lets newcomers in");
  }
  if (!options.revoke.empty()) {
    const auto which = find_invite(options, config);
    return which ? run_operation(options, config, *session, {fleet::RevokeInvite{*which}}, 1,
                                 {{"invite", which->hex()}})
                 : out.failure(which.error());
  }
  fleet::InviteTerms terms{.chain_id = session->head.chain_id,
                           .root_fingerprint = {},
                           .peers = {},
                           .expiry = unix_now() + options.ttl / kMillisecond,
                           .uses = static_cast<std::uint32_t>(options.uses),
                           .tag = options.tag};
  auto hints = make_hints(options, config, *session);
  const auto root =
      from_hex((*session->ledger)["root"]["fingerprint"].get<std::string>(), "fingerprint");
  if (!hints || !root) {
    return out.failure(!hints ? hints.error() : root.error());
  }
  terms.peers = *std::move(hints);
  terms.root_fingerprint = *root;
  const auto invite = fleet::make_invite(terms);
  if (!invite) {
    return out.failure(invite.error());
  }
  const auto receipt = sign_and_submit(
      options, config, make(*session, {invite->operation}, fleet::kSubmissionLifeMs), session->key);
  if (!receipt) {
    return out.failure(receipt.error());
  }
  const std::string token = encode_token(invite->token);
  out.result({{"token", token},
              {"expires", node::format_time(terms.expiry)},
              {"uses", terms.uses},
              {"tag", terms.tag},
              {"invite", invite->operation.invite.hex()},
              {"receipt", *receipt}},
             token + "\n");
  out.note(
      std::format("On the new machine: i2 join TOKEN. It holds until {}; whoever has it may "
                  "join.",
                  node::format_time(terms.expiry)));
  return ExitCode::kOk;
}

ExitCode run_expel(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  Changes changes;
  json members = json::array();
  std::size_t required = 1;
  for (const std::string& name : options.words) {
    const auto member = ask_json(config, options, "member", {{"member", name}});
    if (!member) {
      return out.failure(member.error());
    }
    const auto id = from_hex((*member)["id"].get<std::string>(), "node id");
    if (!id) {
      return out.failure(id.error());
    }
    changes.emplace_back(fleet::Expel{.node = NodeId{*id}, .reason = options.reason});
    if ((*member)["role"] == "validator") {
      required = session->required();
    }
    members.push_back(*member);
  }
  return run_operation(options, config, *session, changes, required,
                       {{"members", members}, {"reason", options.reason}});
}

ExitCode run_leave(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto receipt = ask_json(config, options, "leave", {});
  if (!receipt) {
    return out.failure(receipt.error());
  }
  out.result({{"receipt", *receipt}}, receipt_text(*receipt));
  out.note("This node is no longer a member. Stop the daemon; its data directory can be removed.");
  return ExitCode::kOk;
}

namespace {

ExitCode list_operators(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto ledger = ask_json(config, options, "ledger", {});
  if (!ledger) {
    return out.failure(ledger.error());
  }
  const json& operators = (*ledger)["operators"];
  std::string text = std::format("{} required\n", operators["required"].get<int>());
  for (const json& id : operators["ids"]) {
    text += id.get<std::string>() + "\n";
  }
  out.result({{"operators", operators}}, text);
  return ExitCode::kOk;
}

ExitCode new_operator(const Options& options) {
  const Output out(options);
  const auto key = fleet::make_operator_key(options.words.front());
  if (!key) {
    return out.failure(key.error());
  }
  const std::string id = fleet::operator_id(key->public_key()).hex();
  out.result({{"operator", id}, {"directory", fs::absolute(options.words.front()).string()}},
             id + "\n");
  out.note("Give operator.public to an operator of the fleet, who runs `i2 operator add FILE`.");
  return ExitCode::kOk;
}

// Nobody approves what this program cannot read.
Result<void> check_bodies(const fleet::Operation& operation) {
  I2_TRY_VALUE(const auto steps, fleet::steps_of(operation));
  for (const fleet::Step& step : steps) {
    if (!trustchain::decode_trust_operation(step.kind, step.body)) {
      I2_TRY(fleet::decode_fleet_operation(step.kind, step.body));
    }
  }
  return {};
}

ExitCode approve(const Options& options, const node::Config& config) {
  const Output out(options);
  const std::string& file = options.words.front();
  auto key = fleet::read_operator_key(operator_dir(options, config));
  auto operation = fleet::read_operation(file);
  if (!key || !operation) {
    return out.failure(!key ? key.error() : operation.error());
  }
  Result<void> done = check_bodies(*operation);
  if (done) {
    done = approve_operation(*operation, *key);
  }
  if (done) {
    done = fleet::write_operation(file, *operation);
  }
  if (!done) {
    return out.failure(done.error());
  }
  out.result({{"file", fs::absolute(file).string()},
              {"kind", operation->kind},
              {"approvals", {{"have", operation->proofs.size()}}}},
             std::format("{} approvals in {}\n", operation->proofs.size(), file));
  return ExitCode::kOk;
}

ExitCode submit(const Options& options, const node::Config& config) {
  const Output out(options);
  auto key = fleet::read_operator_key(operator_dir(options, config));
  auto operation = fleet::read_operation(options.words.front());
  if (!key || !operation) {
    return out.failure(!key ? key.error() : operation.error());
  }
  const auto receipt = sign_and_submit(options, config, *std::move(operation), *key);
  if (!receipt) {
    return out.failure(receipt.error());
  }
  out.result({{"receipt", *receipt}}, receipt_text(*receipt));
  return ExitCode::kOk;
}

Result<fleet::ChangeOperators> change_of(const Options& options, const Session& session) {
  fleet::ChangeOperators out{
      .add = {}, .remove = {}, .required = static_cast<std::uint8_t>(session.required())};
  if (options.required > 0) {
    out.required = static_cast<std::uint8_t>(options.required);
  }
  for (const std::string& word : options.words) {
    if (options.action == "add") {
      I2_TRY_VALUE(auto key, fleet::read_operator_public(word));
      out.add.push_back(std::move(key));
    } else if (options.action == "rm") {
      fleet::OperatorId who;
      I2_TRY_VALUE(who.bytes, from_hex(word, "operator id"));
      out.remove.push_back(who);
    }
  }
  std::ranges::sort(out.add, {}, fleet::operator_id);
  std::ranges::sort(out.remove);
  return out;
}

}  // namespace

ExitCode run_operator(const Options& options, const node::Config& config) {
  const Output out(options);
  if (options.action == "list") {
    return list_operators(options, config);
  }
  if (options.action == "new") {
    return new_operator(options);
  }
  if (options.action == "approve") {
    return approve(options, config);
  }
  if (options.action == "submit") {
    return submit(options, config);
  }
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const auto change = change_of(options, *session);
  if (!change) {
    return out.failure(change.error());
  }
  return run_operation(options, config, *session, {*change}, session->required(), json::object());
}

ExitCode run_root(const Options& options, const node::Config& config) {
  const Output out(options);
  // Whoever cannot announce it does not move them.
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  if (const auto moved = fleet::export_root(config.data_dir, options.words.front()); !moved) {
    return out.failure(moved.error());
  }
  out.note(
      "The root's keys have moved. Keep the directory offline and a copy elsewhere; it is "
      "needed to add or replace a certificate authority.");
  return run_operation(options, config, *session, {fleet::RootExported{}}, 1,
                       {{"directory", fs::absolute(options.words.front()).string()}});
}

}  // namespace i2::app
