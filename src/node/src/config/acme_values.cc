#include "acme_values.h"

#include <i2/trustchain/acme/server.h>
#include <i2/trustchain/challenge_checker.h>
#include <i2/trustchain/core/leaf.h>

#include <algorithm>

namespace i2::node {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(" ,"), text.size());
    if (end > 0) {
      out.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Result<std::vector<std::string>> acme_domains(std::string_view names) {
  std::vector<std::string> out = words_of(names);
  for (std::string& one : out) {
    one.erase(0, one.starts_with("*.") ? 2 : 0);
    if (!trustchain::is_dns_name(one)) {
      return fail("acme.options_invalid", "'" + one + "' is no domain, like \"home.example\"");
    }
  }
  return out;
}

Result<void> check_acme_base_url(std::string_view url) {
  if (url.empty()) {
    return {};
  }
  if (!url.ends_with(kAcmePath)) {
    return fail("acme.options_invalid",
                "'" + std::string(url) + "' does not end with " + std::string(kAcmePath));
  }
  return trustchain::acme::check({.base_url = std::string(url)});
}

Result<void> check_acme_resolver(std::string_view server) {
  return server.empty() ? Result<void>() : trustchain::check_resolver(server);
}

Result<void> check_acme_caa_identities(std::string_view identities) {
  return trustchain::check_caa_identities(words_of(identities));
}

Result<std::uint16_t> acme_port(const Config& config) {
  const std::uint16_t port = config.http.port != 0 ? config.http.port : config.bind.port;
  if (port == 0) {
    return fail("acme.options_invalid",
                "[trustchain.acme] needs a base_url, or a gateway whose port is fixed");
  }
  return port;
}

}  // namespace i2::node
