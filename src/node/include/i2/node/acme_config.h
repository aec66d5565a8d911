// What the ACME server of a node is told: part of Config.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace i2::node {

// Lists are texts with spaces between their elements.
struct AcmeConfig {
  bool enabled = false;
  std::string base_url;  // empty: https://<name of the node in its fleet>:<port>/acme
  std::string names;     // domains; empty: any name that is proven
  bool external_account_required = false;
  std::string caa_identities;
  std::string resolver;
  std::filesystem::path hosts_file;
  std::uint16_t http_port = 80;
  std::uint16_t tls_port = 443;
};

}  // namespace i2::node
