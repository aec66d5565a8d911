// What the settings of [trustchain.acme] may be. Reading the configuration and opening the ACME
// server judge them here, so that `config check` says what a start would.
#pragma once

#include <i2/base/error.h>
#include <i2/node/config.h>

#include <string>
#include <string_view>
#include <vector>

namespace i2::node {

inline constexpr std::string_view kAcmePath = "/acme";  // where base URLs end

// Of a list with spaces or commas between its elements.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);
// `names` without the "*." of wildcards. Error: acme.options_invalid.
[[nodiscard]] Result<std::vector<std::string>> acme_domains(std::string_view names);
// Error of these: acme.options_invalid. What is empty is not set.
[[nodiscard]] Result<void> check_acme_base_url(std::string_view url);
[[nodiscard]] Result<void> check_acme_resolver(std::string_view server);
[[nodiscard]] Result<void> check_acme_caa_identities(std::string_view identities);
// The port of a base URL that nobody has set. Error: acme.options_invalid, when the system is to
// choose it: then a URL of before leads nowhere after a restart.
[[nodiscard]] Result<std::uint16_t> acme_port(const Config& config);

}  // namespace i2::node
