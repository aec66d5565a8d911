// join: a machine becomes a member, with a token from anywhere or a bundle from an operator.
#include <i2/fleet/core/invite_token.h>
#include <i2/fleet/membership.h>
#include <i2/node/join.h>
#include <i2/rt/clock.h>
#include <i2/wire/text.h>

#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "summary.h"
#include "verbs.h"

namespace i2::app {
namespace {

using nlohmann::json;
using node::ExitCode;

Result<std::optional<ChainId>> expected_chain(const Options& options) {
  if (options.expect.empty()) {
    return std::nullopt;
  }
  const auto bytes = wire::hash_from_hex(options.expect);
  if (!bytes) {
    return fail("admin.argument", "'" + options.expect + "' is no chain id: 64 hexadecimal digits");
  }
  return std::optional(ChainId{*bytes});
}

Result<fleet::NodeSummary> join_with_token(const Options& options, const node::Config& config,
                                           const std::optional<ChainId>& expected) {
  I2_TRY_VALUE(const auto token, fleet::decode_token(options.bundle));
  if (expected && token.chain_id != *expected) {
    return fail("trust.join_foreign", "the token is for the fleet " + token.chain_id.hex());
  }
  return node::join_by_invite({.data_dir = config.data_dir,
                               .token = token,
                               .name = options.name.empty() ? host_name() : options.name,
                               .bind = config.bind,
                               .timeout = options.timeout.value_or(30 * kSecond),
                               .replace = options.replace},
                              rt::SystemClock());
}

}  // namespace

ExitCode run_join(const Options& options, const node::Config& config) {
  const Output out(options);
  const auto expected = expected_chain(options);
  if (!expected) {
    return out.failure(expected.error());
  }
  // A token of another version is one too, and no file.
  const bool token = options.bundle.starts_with("i2join");
  const auto summary = token ? join_with_token(options, config, *expected)
                             : fleet::join({.data_dir = config.data_dir,
                                            .bundle = options.bundle,
                                            .expected = *expected,
                                            .replace = options.replace});
  if (!summary) {
    return out.failure(summary.error());
  }
  if (!options.name.empty() && options.name != summary->node_name) {
    out.note(token ? std::format("The name '{}' is taken; this node is '{}'.", options.name,
                                 summary->node_name)
                   : std::format("The bundle names this node '{}'; --name {} is not used.",
                                 summary->node_name, options.name));
  }
  json object = summary_json(*summary);
  object["data_dir"] = config.data_dir.string();
  out.result(std::move(object), summary_text(*summary));
  if (!summary->changed) {
    out.note("It already was so; nothing has changed.");
  }
  return ExitCode::kOk;
}

}  // namespace i2::app
