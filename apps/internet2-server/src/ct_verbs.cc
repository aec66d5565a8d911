// ct: the fleet's transparency log.
#include <i2/trustchain/core/ct/tlog_proof.h>
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

std::string log_text(const json& log) {
  std::string out = std::format("origin      {}\n", log["origin"].get<std::string>());
  out += std::format("log id      {}\n", log["log_id"].get<std::string>());
  out += std::format("entries     {}\n", log["entries"].get<std::uint64_t>());
  out += std::format("root        {}\n", log["root"].get<std::string>());
  out += std::format("checkpoint  {}\n", log["checkpoint_time"].get<std::string>());
  out += std::format("demanded    {}\n", log["demanded_since"].is_null()
                                             ? "not yet"
                                             : "since " + log["demanded_since"].get<std::string>());
  if (!log["current"].get<bool>()) {
    out +=
        "            this is not the fleet's log: operators make it that with `i2 ct activate`\n";
  }
  for (const json& key : log["keys"]) {
    out += std::format("key         {:.100}{}\n", key.get_ref<const std::string&>(),
                       key.get_ref<const std::string&>().size() > 100 ? "..." : "");
  }
  if (log["stopped"].get<bool>()) {
    out += "stopped     it takes nothing until the daemon starts again: see its log\n";
  }
  return out;
}

std::string audit_text(const json& audit) {
  return std::format("{} entries, {} tiles, {} issuers and {} signatures are good\nroot  {}\n",
                     audit["entries"].get<std::uint64_t>(), audit["tiles"].get<std::uint64_t>(),
                     audit["issuers"].get<std::uint64_t>(),
                     audit["signatures"].get<std::uint64_t>(), audit["root"].get<std::string>());
}

std::string consistency_text(const json& proof) {
  return std::format("the tree of {} entries is the beginning of that of {}\n{}  {}\n{}  {}\n",
                     proof["old_size"].get<std::uint64_t>(), proof["new_size"].get<std::uint64_t>(),
                     proof["old_size"].get<std::uint64_t>(), proof["old_root"].get<std::string>(),
                     proof["new_size"].get<std::uint64_t>(), proof["new_root"].get<std::string>());
}

// What `ct proof` wrote, under keys that the caller knows to be the log's.
Result<json> verify_file(const Options& options) {
  const auto text = read_text(options.file, kProofFileMax);
  if (!text) {
    return fail("trust.proof_invalid", "'" + options.file + "' cannot be read");
  }
  I2_TRY_VALUE(const ct::TlogProof proof, ct::parse_tlog_proof(*text));
  ct::ProofPolicy policy{.origin = proof.checkpoint.checkpoint.origin,
                         .log_keys = {},
                         .witnesses = {},
                         .witnesses_required = 0};
  for (const std::string& vkey : options.keys) {
    I2_TRY_VALUE(auto key, ct::NoteKey::parse(vkey));
    policy.log_keys.push_back(std::move(key));
  }
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

Result<void> write_proof(const std::string& path, const std::string& text) {
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

}  // namespace

ExitCode run_ct(const Options& options, const node::Config& config) {
  if (options.action == "activate") {
    return activate_log(options, config);
  }
  if (options.action == "verify") {
    return verify_proof(options);
  }
  if (options.action == "export") {
    return export_log(options, config);
  }
  const Output out(options);
  node::AdminRequest request{.verb = "ct_" + options.action, .args = {}};
  if (options.action == "consistency") {
    request.args = {{"old", options.old_size}, {"new", options.new_size}};
  } else if (options.action == "proof") {
    request.args["fingerprint"] = options.fingerprint;
  }
  const Duration within = options.action == "audit" ? kNever : kShort;
  const Answer answer = ask(config, options, request, within);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  if (options.action == "status") {
    out.result(result, log_text(result));
  } else if (options.action == "audit") {
    out.result(result, audit_text(result));
  } else if (options.action == "consistency") {
    out.result(result, consistency_text(result));
  } else if (options.out.empty()) {
    out.result(result, result["tlog_proof"].get<std::string>());
  } else {
    const auto written = write_proof(options.out, result["tlog_proof"].get<std::string>());
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
