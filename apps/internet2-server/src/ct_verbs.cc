// ct: the fleet's transparency log.
#include <i2/node/closed_logs.h>
#include <i2/trustchain/core/ct/tlog_proof.h>
#include <i2/trustchain/core/ct/witness.h>
#include <i2/trustchain/local_log_store.h>
#include <i2/trustchain/log_export.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <format>
#include <fstream>
#include <nlohmann/json.hpp>

#include "operator_session.h"
#include "output.h"
#include "text_file.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace ct = trustchain::ct;
namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;
using trustchain::StandbyLog;

constexpr std::size_t kProofFileMax = 512 * 1024;

std::string short_key(const json& key) {
  const auto& text = key.get_ref<const std::string&>();
  return std::format("{:.100}{}", text, text.size() > 100 ? "..." : "");
}

std::string witness_text(const json& witness) {
  std::string out;
  if (const json& head = witness["cosigned"]; !head.is_null()) {
    out += std::format("cosigned    {} entries, root {}\n", head["size"].get<std::uint64_t>(),
                       head["root"].get<std::string>());
  }
  for (const json& key : witness["keys"]) {
    out += std::format("own key     {}\n", short_key(key));
  }
  if (witness["evidence"].get<std::uint64_t>() > 0) {
    out += "convicted   the log signed two trees that contradict each other: see i2 ct evidence\n";
  }
  if (const json& why = witness["unproven"]; !why.is_null()) {
    out += std::format("unproven    a head of the log: {}\n", why.get<std::string>());
  }
  return out;
}

std::string standbys_text(const json& standbys) {
  std::string out;
  for (const json& one : standbys) {
    out +=
        std::format("standby     {}  {}\n", one["rank"].get<std::size_t>() + 1,
                    one["name"].is_null() ? "no member any more, " + one["node"].get<std::string>()
                                          : one["name"].get<std::string>());
  }
  return out;
}

// Whose log is the fleet's, and whether it is there.
std::string holder_text(const json& log) {
  if (!log.contains("holder")) {
    return {};
  }
  const json& name = log["holder_name"];
  std::string out = std::format("written by  {}, epoch {}{}\n",
                                (name.is_null() ? log["holder"] : name).get<std::string>(),
                                log["epoch"].get<std::uint64_t>(),
                                log["reachable"].is_null()     ? ""
                                : log["reachable"].get<bool>() ? ", it answers"
                                                               : ", it does not answer");
  if (const json& since = log["unreachable_since"]; !since.is_null()) {
    out += std::format("            unreachable since {}\n", since.get<std::string>());
  }
  return out;
}

std::string log_text(const json& log) {
  std::string out = std::format("origin      {}\n", log["origin"].get<std::string>());
  out += std::format("log id      {}\n", log["log_id"].get<std::string>());
  if (log.contains("entries")) {
    out += std::format("entries     {}\n", log["entries"].get<std::uint64_t>());
    out += std::format("root        {}\n", log["root"].get<std::string>());
    out += std::format("checkpoint  {}\n", log["checkpoint_time"].get<std::string>());
  }
  if (log.contains("demanded_since")) {
    out +=
        std::format("demanded    {}\n", log["demanded_since"].is_null()
                                            ? "not yet"
                                            : "since " + log["demanded_since"].get<std::string>());
  }
  if (!log.value("current", true)) {
    out +=
        "            this is not the fleet's log, and promises nothing: operators make it that "
        "with "
        "`i2 ct activate`, or name this node a standby\n";
  }
  out += holder_text(log);
  out += standbys_text(log["standbys"]);
  for (const json& key : log["keys"]) {
    out += std::format("key         {}\n", short_key(key));
  }
  for (const json& witness : log.value("witnesses", json::array())) {
    out += std::format("witness     {}  {} entries, {} s ago{}\n",
                       witness["name"].get<std::string>(), witness["size"].get<std::uint64_t>(),
                       witness["age_seconds"].get<std::uint64_t>(),
                       witness["current"].get<bool>() ? "" : ", not the last checkpoint");
  }
  if (log.contains("witness")) {
    out += witness_text(log["witness"]);
  }
  if (log.value("closed", false)) {
    out +=
        "closed      it was restored from a backup and signs nothing any more "
        "[trust.log_restored]: "
        "operators begin another with `i2 ct activate`\n";
  } else if (log.value("stopped", false)) {
    out += "stopped     it takes nothing until the daemon starts again: see its log\n";
  }
  return out;
}

std::string audit_text(const json& audit) {
  return std::format(
      "{} entries, {} tiles, {} issuers and {} signatures are good\nroot  {}\n{}"
      "{} of {} other members have cosigned the first {}\n",
      audit["entries"].get<std::uint64_t>(), audit["tiles"].get<std::uint64_t>(),
      audit["issuers"].get<std::uint64_t>(), audit["signatures"].get<std::uint64_t>(),
      audit["root"].get<std::string>(),
      audit["unauthorised"].get<std::uint64_t>() == 0
          ? ""
          : "entries that an authority should not have issued: see i2 ct evidence\n",
      audit["witnesses"].get<std::uint64_t>(), audit["members"].get<std::uint64_t>() - 1,
      audit["cosigned_size"].get<std::uint64_t>());
}

std::string consistency_text(const json& proof) {
  return std::format("the tree of {} entries is the beginning of that of {}\n{}  {}\n{}  {}\n",
                     proof["old_size"].get<std::uint64_t>(), proof["new_size"].get<std::uint64_t>(),
                     proof["old_size"].get<std::uint64_t>(), proof["old_root"].get<std::string>(),
                     proof["new_size"].get<std::uint64_t>(), proof["new_root"].get<std::string>());
}

Result<std::vector<ct::NoteKey>> parse_keys(const std::vector<std::string>& vkeys) {
  std::vector<ct::NoteKey> out;
  for (const std::string& vkey : vkeys) {
    I2_TRY_VALUE(auto key, ct::NoteKey::parse(vkey));
    out.push_back(std::move(key));
  }
  return out;
}

// What `ct proof` wrote, under keys that the caller knows to be the log's.
Result<json> verify_file(const Options& options) {
  const auto text = read_text(options.file, kProofFileMax);
  if (!text) {
    return fail("trust.proof_invalid", "'" + options.file + "' cannot be read");
  }
  I2_TRY_VALUE(const ct::TlogProof proof, ct::parse_tlog_proof(*text));
  ct::ProofPolicy policy{
      .origin = proof.checkpoint.checkpoint.origin,
      .log_keys = {},
      .witnesses = {},
      .witnesses_required = static_cast<std::size_t>(options.witnesses_required)};
  I2_TRY_VALUE(policy.log_keys, parse_keys(options.keys));
  I2_TRY_VALUE(policy.witnesses, parse_keys(options.witnesses));
  policy.origin = policy.log_keys.front().name();
  const Hash256 leaf = ct::leaf_hash(ByteView(proof.extra));
  I2_TRY(ct::verify_tlog_proof(proof, leaf, policy));
  return json{{"origin", policy.origin},
              {"sequence_number", proof.index},
              {"tree_size", proof.checkpoint.checkpoint.head.size},
              {"root_hash", wire::to_base64(proof.checkpoint.checkpoint.head.root)},
              {"leaf_hash", wire::to_base64(leaf)},
              {"leaf", wire::to_base64(proof.extra)}};
}

ExitCode verify_proof(const Options& options) {
  const Output out(options);
  const auto read = verify_file(options);
  if (!read) {
    return out.failure(read.error().code(), read.error().message());
  }
  out.result(*read, std::format("entry {} of {} of {} is in the log\n",
                                (*read)["sequence_number"].get<std::uint64_t>(),
                                (*read)["tree_size"].get<std::uint64_t>(),
                                (*read)["origin"].get<std::string>()));
  return ExitCode::kOk;
}

// Against an authority: the certificate, then the anchor that signed it, in PEM. Whether the state
// authorises the certificate nobody can tell without the state.
Result<json> convict_authority(const std::string& text, const std::vector<std::string>& keys) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  const auto second = text.find(kBegin, kBegin.size());
  if (second == std::string::npos) {
    return fail("trust.evidence_invalid",
                "the file has a certificate without the anchor that signed it");
  }
  I2_TRY_VALUE(const auto certificate,
               crypto::Certificate::from_pem(std::string_view(text).substr(0, second)));
  I2_TRY_VALUE(const auto anchor,
               crypto::Certificate::from_pem(std::string_view(text).substr(second)));
  const std::string key = to_hex(anchor.public_key().spki_sha256());
  if (!std::ranges::contains(keys, key)) {
    return fail("trust.evidence_invalid", "the evidence is about the authority with the key " +
                                              key + ", which is none of those given");
  }
  if (!crypto::is_signed_by(certificate, anchor)) {
    return fail("trust.evidence_invalid", "the certificate is not signed by this authority");
  }
  const auto height = certificate.state_height();
  if (!height) {
    return fail("trust.evidence_invalid",
                "the certificate does not say by which state it was issued");
  }
  return json{{"key", key},
              {"certificate_name", certificate.subject_common_name()},
              {"dns_names", certificate.dns_names()},
              {"state_height", *height},
              {"checked", {"signature", "statement"}},
              {"unchecked", {"membership"}}};
}

// Against the log.
Result<json> convict_log(const std::string& text, const std::vector<std::string>& vkeys) {
  I2_TRY_VALUE(const ct::SplitView evidence, ct::decode_split_view(as_bytes(text)));
  I2_TRY_VALUE(const auto keys, parse_keys(vkeys));
  const auto key = std::ranges::find_if(
      keys, [&](const ct::NoteKey& one) { return one.made(evidence.first.signatures.front()); });
  if (key == keys.end()) {
    return fail("trust.evidence_invalid", "the evidence is about the key of " +
                                              evidence.first.signatures.front().name +
                                              ", which is none of those given");
  }
  I2_TRY(verify_split_view(evidence, *key));
  I2_TRY_VALUE(const auto first, ct::parse_checkpoint(evidence.first.text));
  I2_TRY_VALUE(const auto second, ct::parse_checkpoint(evidence.second.text));
  return json{{"key", key->vkey()},
              {"origin", first.origin},
              {"first_size", first.head.size},
              {"first_root", to_hex(first.head.root)},
              {"second_size", second.head.size},
              {"second_root", to_hex(evidence.root)}};
}

std::string verified_text(const json& read) {
  if (read.contains("state_height")) {
    return std::format(
        "the authority with the key {}\nsigned a certificate for '{}' and says that the state at "
        "height {} authorises it\nnot checked: that no member had this name then, which only the "
        "fleet's state says\n",
        read["key"].get<std::string>(), read["certificate_name"].get<std::string>(),
        read["state_height"].get<std::uint64_t>());
  }
  return std::format("{} signed two trees: their first {} entries have the roots\n{}\n{}\n",
                     read["origin"].get<std::string>(), read["first_size"].get<std::uint64_t>(),
                     read["first_root"].get<std::string>(), read["second_root"].get<std::string>());
}

// What `ct evidence` wrote.
ExitCode verify_evidence(const Options& options) {
  const Output out(options);
  const auto text = read_text(options.file, kProofFileMax);
  if (!text) {
    return out.failure("trust.evidence_invalid", "'" + options.file + "' cannot be read");
  }
  const auto read = text->starts_with("-----BEGIN") ? convict_authority(*text, options.keys)
                                                    : convict_log(*text, options.keys);
  if (!read) {
    return out.failure(read.error().code(), read.error().message());
  }
  out.result(*read, verified_text(*read));
  return ExitCode::kOk;
}

// The database of the log that the node writes, then those of closed ones.
Result<std::vector<fs::path>> log_databases(const fs::path& data_dir) {
  I2_TRY_VALUE(auto out, node::closed_logs(data_dir));
  for (fs::path& folder : out) {
    folder /= "log";
  }
  std::error_code ignored;
  if (fs::path own = data_dir / "ct" / "log"; fs::exists(own, ignored)) {
    out.insert(out.begin(), std::move(own));
  }
  return out;
}

Result<trustchain::LogExport> export_files(const Options& options, const node::Config& config) {
  std::string found;
  I2_TRY_VALUE(const auto databases, log_databases(config.data_dir));
  for (const fs::path& dir : databases) {
    I2_TRY_VALUE(const auto database,
                 store::KeyValueStore::open(dir, store::KeyValueStore::Mode::kView));
    const trustchain::LocalLogStore log(*database);
    I2_TRY_VALUE(const auto origin, trustchain::origin_of(log));
    if (options.log.empty() || options.log == origin) {
      return trustchain::export_log(log, log, options.file);
    }
    found += (found.empty() ? ": " : ", ") + origin.value_or("one that has not begun");
  }
  return fail("trust.no_log",
              "'" + config.data_dir.string() + "' has no transparency log" +
                  (found.empty() ? "" : " '" + options.log + "' but others" + found));
}

ExitCode export_log(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto done = export_files(options, config);
  if (!done) {
    return out.failure(done.error().code(), done.error().message());
  }
  out.result({{"entries", done->entries}, {"files", done->files}, {"dir", options.file}},
             std::format("{} entries are in {}; {} files are new\n", done->entries, options.file,
                         done->files));
  return ExitCode::kOk;
}

Result<void> write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  return file ? Result<void>() : fail("trust.export_failed", "'" + path + "' cannot be written");
}

ExitCode activate_log(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const auto record = ask_json(config, options, "ct_record", {});
  if (!record) {
    return out.failure(record.error());
  }
  const auto holder = from_hex((*record)["holder"].get<std::string>(), "node id");
  if (!holder) {
    return out.failure(holder.error());
  }
  return run_operation(
      options, config, *session,
      {trustchain::SetLog{
          .origin = (*record)["origin"].get<std::string>(),
          .spki = wire::from_base64((*record)["spki"].get<std::string>()).value_or(Bytes()),
          .cosigners = (*record)["cosigners"].get<std::vector<std::string>>(),
          .holder = NodeId{*holder},
          .epoch = (*record)["epoch"].get<std::uint64_t>()}},
      session->required(), {{"log", *record}});
}

Result<StandbyLog> read_standby(const json& record) {
  I2_TRY_VALUE(const Hash256 node, from_hex(record["node"].get<std::string>(), "node id"));
  return StandbyLog{.node = NodeId{node},
                    .origin = record["origin"].get<std::string>(),
                    .spki = wire::from_base64(record["spki"].get<std::string>()).value_or(Bytes()),
                    .cosigners = record["cosigners"].get<std::vector<std::string>>()};
}

// The node says itself which log it has; the link to it is authenticated.
ExitCode add_standby(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const auto record =
      ask_json(config, options, "ct_standby_record", {{"node", options.words.front()}});
  const auto log = record ? read_standby(*record) : Result<StandbyLog>(fail(record.error()));
  if (!log) {
    return out.failure(log.error());
  }
  return run_operation(options, config, *session, {trustchain::SetLogStandby{.log = *log}},
                       session->required(), {{"standby", *record}});
}

ExitCode remove_standby(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto session = open_session(options, config);
  if (!session) {
    return out.failure(session.error());
  }
  const auto answer = ask_json(config, options, "ct_standbys", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  const std::string& who = options.words.front();
  const json& list = (*answer)["standbys"];
  const auto found = std::ranges::find_if(
      list, [&](const json& one) { return one["name"] == who || one["node"] == who; });
  const auto node = found == list.end()
                        ? Result<Hash256>(fail("trust.standby_unknown",
                                               std::format("no log of '{}' stands by", who)))
                        : from_hex((*found)["node"].get<std::string>(), "node id");
  if (!node) {
    return out.failure(node.error());
  }
  const trustchain::SetLogStandby removal{
      .log = {.node = NodeId{*node}, .origin = {}, .spki = {}, .cosigners = {}}};
  return run_operation(options, config, *session, {removal}, session->required(),
                       {{"standby", *found}});
}

ExitCode list_standbys(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto answer = ask_json(config, options, "ct_standbys", {});
  if (!answer) {
    return out.failure(answer.error());
  }
  const json& list = (*answer)["standbys"];
  out.result(*answer, list.empty() ? "no log stands by\n" : standbys_text(list));
  return ExitCode::kOk;
}

ExitCode take_over(const Options& options, const node::Config& config) {
  const Output out(options);
  const Answer answer = ask(config, options, {.verb = "ct_takeover", .args = {}});
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  out.result(result, std::format("the log of this node is the fleet's, epoch {}\n",
                                 result["epoch"].get<std::uint64_t>()));
  return ExitCode::kOk;
}

std::string evidence_text(const json& result) {
  if (result["evidence"].empty() && result["authorities"].empty()) {
    return "this node has no evidence against the log or an authority\n";
  }
  std::string out;
  for (const json& one : result["authorities"]) {
    out += std::format(
        "authority {}  a certificate for '{}' by the state at height {}{}\n",
        one["name"].is_null() ? one["node"].get<std::string>() : one["name"].get<std::string>(),
        one["certificate_name"].get<std::string>(), one["state_height"].get<std::uint64_t>(),
        one["ordered"].is_null() ? ", not in the fleet's state yet" : "");
  }
  for (const json& one : result["evidence"]) {
    out += std::format("{}  sizes {} and {}\n", one["origin"].get<std::string>(),
                       one["first_size"].get<std::uint64_t>(),
                       one["second_size"].get<std::uint64_t>());
  }
  return out;
}

ExitCode show_evidence(const Options& options, const json& result) {
  const Output out(options);
  const json& logs = result["evidence"];
  const json& authorities = result["authorities"];
  if (options.out.empty() || (logs.empty() && authorities.empty())) {
    out.result(result, evidence_text(result));
    return ExitCode::kOk;
  }
  // One convicts the log; others are about other keys of it.
  const json& first = (logs.empty() ? authorities : logs).front()["evidence"];
  const auto text = first.get<std::string>();
  const Bytes bytes =
      logs.empty() ? to_bytes(as_bytes(text)) : wire::from_base64(text).value_or(Bytes());
  const auto written = write_file(options.out, as_text(bytes));
  if (!written) {
    return out.failure(written.error().code(), written.error().message());
  }
  out.result(result, std::format("{}the evidence is in {}\n", evidence_text(result), options.out));
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_ct(const Options& options, const node::Config& config) {
  if (options.action == "activate") {
    return activate_log(options, config);
  }
  if (options.action == "standby add") {
    return add_standby(options, config);
  }
  if (options.action == "standby rm") {
    return remove_standby(options, config);
  }
  if (options.action == "standby ls") {
    return list_standbys(options, config);
  }
  if (options.action == "takeover") {
    return take_over(options, config);
  }
  if (options.action == "verify") {
    return verify_proof(options);
  }
  if (options.action == "verify-evidence") {
    return verify_evidence(options);
  }
  if (options.action == "export") {
    return export_log(options, config);
  }
  const Output out(options);
  node::AdminRequest request{.verb = "ct_" + options.action, .args = {}};
  if (options.action == "consistency") {
    request.args = {{"old", options.old_size}, {"new", options.new_size}};
  } else if (options.action == "audit") {
    request.args["witnesses"] = options.witnesses_required;
  } else if (options.action == "proof") {
    request.args["fingerprint"] = options.fingerprint;
  }
  const Duration within = options.action == "audit" ? kNever : kShort;
  const Answer answer = ask(config, options, request, within);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  if (options.action == "evidence") {
    return show_evidence(options, result);
  }
  if (options.action == "status") {
    out.result(result, log_text(result));
  } else if (options.action == "audit") {
    out.result(result, audit_text(result));
  } else if (options.action == "consistency") {
    out.result(result, consistency_text(result));
  } else if (options.out.empty()) {
    out.result(result, result["tlog_proof"].get<std::string>());
  } else {
    const auto written = write_file(options.out, result["tlog_proof"].get<std::string>());
    if (!written) {
      return out.failure(written.error().code(), written.error().message());
    }
    out.result(result, std::format("entry {} of {}; the proof is in {}\n",
                                   result["sequence_number"].get<std::uint64_t>(),
                                   result["tree_size"].get<std::uint64_t>(), options.out));
  }
  return ExitCode::kOk;
}

}  // namespace i2::app
