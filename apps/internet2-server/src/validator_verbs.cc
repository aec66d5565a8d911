// validator, consensus: who orders the fleet's operations, and how that goes.
#include <i2/fleet/core/seal.h>
#include <i2/wire/text.h>

#include <format>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "text_file.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

constexpr std::size_t kEvidenceFileMax = 64 * 1024 * 1024;

std::string consensus_text(const json& s) {
  std::string out = std::format("engine      {}\n", s["engine"].get<std::string>());
  out += std::format("height      {}\n", s["height"].get<std::uint64_t>());
  out += std::format("epoch       {}, since block {} ({})\n", s["epoch"].get<std::uint64_t>(),
                     s["epoch_first_height"].get<std::uint64_t>(),
                     s["epoch_begin"].get<std::string>());
  out += std::format("tolerates   {} Byzantine of {}, {} have to agree\n",
                     s["tolerates"].get<std::uint64_t>(), s["validators"].size(),
                     s["quorum"].get<std::uint64_t>());
  if (const json& voting = s["voting"]; !voting.is_null()) {
    out += std::format("view        {}, last sealed {}{}\n", voting["view"].get<std::uint64_t>(),
                       voting["sealed_view"].get<std::uint64_t>(),
                       voting["ready"].get<bool>() ? "" : "; too few validators heard to vote");
  }
  if (s["halted"].get<bool>()) {
    out +=
        "halted      this node orders nothing any more: see its log, and `i2 consensus evidence`\n";
  }
  for (const json& validator : s["validators"]) {
    out +=
        std::format("validator   {}  {}  {}{}\n", validator["id"].get<std::string>().substr(0, 16),
                    validator["name"].get<std::string>(),
                    validator["connected"].get<bool>() ? "connected" : "away",
                    validator["self"].get<bool>() ? " (this node)" : "");
  }
  return out;
}

Result<Bytes> bytes_of(const json& object, std::string_view name) {
  const auto at = object.find(name);
  auto bytes =
      at != object.end() && at->is_string() ? wire::from_hex(at->get<std::string>()) : std::nullopt;
  if (!bytes) {
    return fail("consensus.evidence_invalid",
                std::format("the evidence has no '{}' in hexadecimal digits", name));
  }
  return *std::move(bytes);
}

// Who was entitled to vote in that epoch, from the genesis on.
Result<fleet::Authority> authority_in(const json& answer, const fleet::EpochRecord& epoch) {
  I2_TRY_VALUE(const Bytes encoding, bytes_of(answer, "genesis"));
  I2_TRY_VALUE(const fleet::Genesis genesis, fleet::decode_genesis(encoding));
  I2_TRY(verify_genesis(genesis));
  if (answer.value("chain_id", "") != chain_id(genesis).hex()) {
    return fail("consensus.evidence_invalid", "the evidence is from another fleet than it says");
  }
  fleet::Authority out = fleet::Authority::of(genesis);
  for (const json& text : answer.value("links", json::array())) {
    const auto bytes = text.is_string() ? wire::from_hex(text.get<std::string>()) : std::nullopt;
    if (!bytes) {
      return fail("consensus.evidence_invalid", "a link between epochs is not hexadecimal");
    }
    I2_TRY_VALUE(const fleet::EpochLink link, fleet::decode_link(*bytes));
    I2_TRY_VALUE(fleet::Authority next, out.after(link));
    if (next.epoch().number > epoch.number) {
      break;
    }
    out = std::move(next);
  }
  return out.in(epoch);
}

// The node that the proof convicts.
Result<NodeId> verify(const json& answer, const json& offence) {
  const json& proof = offence.at("proof");
  I2_TRY_VALUE(const Bytes epoch_bytes, bytes_of(proof, "epoch"));
  I2_TRY_VALUE(const fleet::EpochRecord epoch, fleet::decode_epoch_record(epoch_bytes));
  I2_TRY_VALUE(const fleet::Authority authority, authority_in(answer, epoch));
  if (authority.validators() == nullptr) {
    return fail("consensus.evidence_invalid", "there was one validator only in that epoch");
  }
  I2_TRY_VALUE(const Bytes evidence_bytes, bytes_of(proof, "evidence"));
  I2_TRY_VALUE(const auto evidence, consensus::decode_evidence(evidence_bytes));
  I2_TRY_VALUE(const auto who, consensus::convict(*authority.validators(), evidence));
  return authority.validators()->at(who).node;
}

Result<json> read_evidence(const Options& options, const node::Config& config) {
  if (options.words.empty()) {
    return ask_json(config, options, "evidence", {});
  }
  const std::string& path = options.words.front();
  const auto text = read_text(path, kEvidenceFileMax);
  auto out = json::parse(text.value_or(""), nullptr, false);
  if (!out.is_object() || !out.contains("evidence") || !out["evidence"].is_array()) {
    return fail("consensus.evidence_invalid",
                "'" + path + "' is not what `i2 consensus evidence --json` prints");
  }
  return out;
}

ExitCode show_evidence(const Options& options, const node::Config& config) {
  const Output out(options);
  auto answer = read_evidence(options, config);
  if (!answer) {
    return out.failure(answer.error());
  }
  std::string text;
  try {
    for (json& offence : (*answer)["evidence"]) {
      std::string verdict;
      if (options.verify) {
        const auto who = verify(*answer, offence);
        if (!who || who->hex() != offence.at("node").get<std::string>()) {
          return out.failure(who ? Error("consensus.evidence_invalid",
                                         "the proof is about another node than it says")
                                 : who.error());
        }
        offence["verified"] = true;
        verdict = "  verified";
      }
      text += std::format(
          "{}  {}  {}  epoch {}  {}{}{}\n", offence.at("node").get<std::string>().substr(0, 16),
          offence.at("name").get<std::string>(), offence.at("offence").get<std::string>(),
          offence.at("epoch").get<std::uint64_t>(), offence.at("time").get<std::string>(), verdict,
          offence.value("ordered", true) ? "" : "  not ordered: the fleet has halted");
    }
  } catch (const json::exception&) {
    return out.failure("consensus.evidence_invalid", "the evidence is malformed");
  }
  out.result(*std::move(answer), text.empty() ? "nobody has been convicted\n" : text);
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_validator(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const bool add = options.action == "add";
  const auto member = ask_json(config, options, add ? "prepare_validator" : "member",
                               {{"member", options.words.front()}});
  if (!member) {
    return out.failure(member.error());
  }
  const auto id = from_hex((*member)["id"].get<std::string>(), "node id");
  if (!id) {
    return out.failure(id.error());
  }
  const fleet::SetRole body{.node = NodeId{*id},
                            .role = add ? fleet::Role::kValidator : fleet::Role::kNode};
  return run_operation(options, config, *session, {body}, session->required(),
                       {{"member", *member}});
}

ExitCode run_consensus(const Options& options, const node::Config& config) {
  const Output out(options);
  if (options.action == "evidence") {
    return show_evidence(options, config);
  }
  auto answer = ask_json(config, options, "consensus", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  const std::string text = consensus_text(*answer);
  out.result(*std::move(answer), text);
  return ExitCode::kOk;
}

}  // namespace i2::app
