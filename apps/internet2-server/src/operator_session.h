// An operator at this command line. Operators' keys are read and used here; the daemon says what
// the ledger looks like and gets signed operations only.
#pragma once

#include <i2/fleet/account.h>
#include <i2/fleet/operator_key.h>
#include <i2/node/config.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "options.h"
#include "remote.h"

namespace i2::app {

// The daemon's answer. Errors: the daemon's, admin.*.
[[nodiscard]] Result<nlohmann::json> ask_json(
    const node::Config& config, const Options& options, std::string verb,
    std::map<std::string, node::AdminValue, std::less<>> arguments);
// 64 digits. Error: admin.argument.
[[nodiscard]] Result<Hash256> from_hex(const std::string& text, std::string_view what);

struct Session {
  trustchain::HybridKey key;
  fleet::AccountId account;
  fleet::BlockHeader head;                       // as far as the daemon says: fleet, height, time
  std::shared_ptr<const nlohmann::json> ledger;  // shared: the type is not complete here

  // Operators who have to sign what one alone may not do.
  [[nodiscard]] std::size_t required() const;
};

[[nodiscard]] std::filesystem::path operator_dir(const Options& options,
                                                 const node::Config& config);
[[nodiscard]] Result<Session> open_session(const Options& options, const node::Config& config);
// Of several changes: one operation, which makes all of them or none.
using Changes = std::vector<fleet::Request>;
[[nodiscard]] fleet::Operation make(const Session& session, const Changes& changes,
                                    UnixMillis life);
// The receipt.
[[nodiscard]] Result<nlohmann::json> sign_and_submit(const Options& options,
                                                     const node::Config& config,
                                                     fleet::Operation operation,
                                                     const trustchain::HybridKey& key);
[[nodiscard]] std::string receipt_text(const nlohmann::json& receipt);
// By this operator alone when that is enough; else into a file that the others approve.
[[nodiscard]] node::ExitCode run_operation(const Options& options, const node::Config& config,
                                           const Session& session, const Changes& changes,
                                           std::size_t required, nlohmann::json object);

}  // namespace i2::app
