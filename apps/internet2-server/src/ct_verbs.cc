// ct: the fleet's transparency log.
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
using nlohmann::json;
using node::ExitCode;

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

std::string log_text(const json& log) {
  std::string out = std::format("origin      {}\n", log["origin"].get<std::string>());
  out += std::format("log id      {}\n", log["log_id"].get<std::string>());
  if (log.contains("entries")) {
    out += std::format("entries     {}\n", log["entries"].get<std::uint64_t>());
    out += std::format("root        {}\n", log["root"].get<std::string>());
    out += std::format("checkpoint  {}\n", log["checkpoint_time"].get<std::string>());
  } else if (!log["holder_name"].is_null()) {
    out += std::format("written by  {}\n", log["holder_name"].get<std::string>());
  }
  if (log.contains("demanded_since")) {
    out +=
        std::format("demanded    {}\n", log["demanded_since"].is_null()
                                            ? "not yet"
                                            : "since " + log["demanded_since"].get<std::string>());
  }
  if (!log.value("current", true)) {
    out +=
        "            this is not the fleet's log: operators make it that with `i2 ct activate`\n";
  }
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
      "{} entries, {} tiles, {} issuers and {} signatures are good\nroot  {}\n"
      "{} of {} other members have cosigned the first {}\n",
      audit["entries"].get<std::uint64_t>(), audit["tiles"].get<std::uint64_t>(),
      audit["issuers"].get<std::uint64_t>(), audit["signatures"].get<std::uint64_t>(),
      audit["root"].get<std::string>(), audit["witnesses"].get<std::uint64_t>(),
      audit["members"].get<std::uint64_t>() - 1, audit["cosigned_size"].get<std::uint64_t>());
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

// What `ct evidence` wrote.
Result<json> convict(const Options& options) {
  const auto text = read_text(options.file, kProofFileMax);
  if (!text) {
    return fail("trust.evidence_invalid", "'" + options.file + "' cannot be read");
  }
  I2_TRY_VALUE(const ct::SplitView evidence, ct::decode_split_view(as_bytes(*text)));
  I2_TRY_VALUE(const auto keys, parse_keys(options.keys));
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

ExitCode verify_evidence(const Options& options) {
  const Output out(options);
  const auto read = convict(options);
  if (!read) {
    return out.failure(read.error().code(), read.error().message());
  }
  out.result(
      *read,
      std::format("{} signed two trees: their first {} entries have the roots\n{}\n{}\n",
                  (*read)["origin"].get<std::string>(), (*read)["first_size"].get<std::uint64_t>(),
                  (*read)["first_root"].get<std::string>(),
                  (*read)["second_root"].get<std::string>()));
  return ExitCode::kOk;
}

Result<trustchain::LogExport> export_files(const Options& options, const node::Config& config) {
  const auto dir = config.data_dir / "ct" / "log";
  std::error_code ignored;
  if (!std::filesystem::exists(dir, ignored)) {
    return fail("trust.no_log", "'" + config.data_dir.string() + "' has no transparency log");
  }
  I2_TRY_VALUE(const auto database,
               store::KeyValueStore::open(dir, store::KeyValueStore::Mode::kView));
  const trustchain::LocalLogStore log(*database);
  return trustchain::export_log(log, log, options.file);
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

std::string evidence_text(const json& evidence) {
  if (evidence.empty()) {
    return "this node has no evidence against the log\n";
  }
  std::string out;
  for (const json& one : evidence) {
    out += std::format("{}  sizes {} and {}\n", one["origin"].get<std::string>(),
                       one["first_size"].get<std::uint64_t>(),
                       one["second_size"].get<std::uint64_t>());
  }
  return out;
}

ExitCode show_evidence(const Options& options, const json& result) {
  const Output out(options);
  const json& list = result["evidence"];
  if (options.out.empty() || list.empty()) {
    out.result(result, evidence_text(list));
    return ExitCode::kOk;
  }
  // One convicts the log; others are about other keys of it.
  const auto bytes = wire::from_base64(list.front()["evidence"].get<std::string>());
  const auto written = write_file(options.out, as_text(bytes.value_or(Bytes())));
  if (!written) {
    return out.failure(written.error().code(), written.error().message());
  }
  out.result(result, std::format("{}the evidence is in {}\n", evidence_text(list), options.out));
  return ExitCode::kOk;
}

}  // namespace

ExitCode run_ct(const Options& options, const node::Config& config) {
  if (options.action == "activate") {
    return activate_log(options, config);
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
