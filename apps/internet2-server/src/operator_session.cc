#include "operator_session.h"

#include <i2/wire/text.h>

#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

constexpr Duration kAskTime = 30 * kSecond;
// Operators who take turns over a file have so long.
constexpr UnixMillis kApprovalTimeMs = 7ULL * 24 * 3600 * 1000;

}  // namespace

Result<json> ask_json(const node::Config& config, const Options& options, std::string verb,
                      std::map<std::string, node::AdminValue, std::less<>> arguments) {
  const Answer answer =
      ask(config, options, {.verb = std::move(verb), .args = std::move(arguments)}, kAskTime);
  if (!answer.ok()) {
    auto error = Error::reported(answer.code, answer.message);
    return fail(error ? *std::move(error) : Error("admin.malformed", answer.message));
  }
  return json::parse(answer.json);
}

Result<Hash256> from_hex(const std::string& text, std::string_view what) {
  const auto out = wire::hash_from_hex(text);
  if (!out) {
    return fail("admin.argument", std::format("'{}' is no {}: 64 hexadecimal digits", text, what));
  }
  return *out;
}

std::size_t Session::required() const {
  return (*ledger)["operators"]["required"].get<std::size_t>();
}

fs::path operator_dir(const Options& options, const node::Config& config) {
  return options.operator_dir.empty() ? config.data_dir / "identity"
                                      : fs::path(options.operator_dir);
}

Result<Session> open_session(const Options& options, const node::Config& config) {
  Session out;
  I2_TRY_VALUE(out.key, fleet::read_operator_key(operator_dir(options, config)));
  out.account = fleet::account_of(fleet::operator_id(out.key.public_key()));
  I2_TRY_VALUE(json ledger, ask_json(config, options, "ledger", {{"account", out.account.hex()}}));
  I2_TRY_VALUE(out.head.chain_id.bytes,
               from_hex(ledger["chain_id"].get<std::string>(), "chain id"));
  out.head.height = ledger["height"].get<std::uint64_t>();
  out.head.time = ledger["time_ms"].get<UnixMillis>();
  out.ledger = std::make_shared<const json>(std::move(ledger));
  return out;
}

fleet::Operation make(const Session& session, const Changes& changes, UnixMillis life) {
  return make_operation(session.head, session.account,
                        (*session.ledger)["nonce"].get<std::uint64_t>(), changes, unix_now(), life);
}

Result<json> sign_and_submit(const Options& options, const node::Config& config,
                             fleet::Operation operation, const trustchain::HybridKey& key) {
  I2_TRY(sign_operation(operation, key, true));
  return ask_json(config, options, "submit", {{"operation", to_hex(encode(operation))}});
}

std::string receipt_text(const json& receipt) {
  return std::format("ordered in block {}{}\n", receipt["height"].get<std::uint64_t>(),
                     receipt["repeated"].get<bool>() ? " (before)" : "");
}

ExitCode run_operation(const Options& options, const node::Config& config, const Session& session,
                       const Changes& changes, std::size_t required, json object) {
  const Output out(options);
  if (required <= 1) {
    const auto receipt = sign_and_submit(
        options, config, make(session, changes, fleet::kSubmissionLifeMs), session.key);
    if (!receipt) {
      return out.failure(receipt.error());
    }
    object["receipt"] = *receipt;
    out.result(std::move(object), receipt_text(*receipt));
    return ExitCode::kOk;
  }
  if (options.out.empty()) {
    return out.failure("fleet.operation_approvals",
                       std::format("{} operators have to sign this: write it to a file with --out, "
                                   "then see `i2 operator --help`",
                                   required));
  }
  auto operation = make(session, changes, kApprovalTimeMs);
  if (const auto approved = approve_operation(operation, session.key); !approved) {
    return out.failure(approved.error());
  }
  if (const auto written = fleet::write_operation(options.out, operation); !written) {
    return out.failure(written.error());
  }
  object["file"] = fs::absolute(options.out).string();
  object["approvals"] = {{"have", 1}, {"required", required}};
  out.result(std::move(object), std::format("1 of {} approvals in {}\n", required, options.out));
  out.note(
      "Others run `i2 operator approve FILE`; when there are enough, run `i2 operator submit "
      "FILE` here.");
  return ExitCode::kOk;
}

}  // namespace i2::app
