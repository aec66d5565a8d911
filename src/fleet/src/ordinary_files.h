// The P-256 key and certificate files.
#pragma once

#include <i2/crypto/x509.h>
#include <i2/trustchain/core/ordinary.h>

#include <filesystem>
#include <string_view>
#include <vector>

#include "files.h"
#include "setup.h"

namespace i2::fleet {

inline constexpr std::string_view kOrdinaryLeafFile = "identity/leaf/ordinary.pem";
inline constexpr std::string_view kOrdinaryCaFile = "identity/ca/ordinary.pem";
// The one before, which goes on signing what is revoked of its own.
inline constexpr std::string_view kFormerOrdinaryCaFile = "identity/ca/ordinary-former.pem";

// Every certificate of a PEM text, in its order; at most 4. Error: crypto.certificate_malformed.
[[nodiscard]] Result<std::vector<crypto::Certificate>> parse_certificates(std::string_view pem);

struct KeyAndCertificates {
  crypto::PrivateKey key;
  std::vector<crypto::Certificate> certificates;
};
// Errors: fleet.leaf_damaged, node.secret_exposed, node.file_missing, node.file_failed.
[[nodiscard]] Result<KeyAndCertificates> read_key_and_certificates(
    const std::filesystem::path& path);

// Key and certificates in one text, so that they change together.
[[nodiscard]] crypto::SecretBytes key_and_certificates_pem(
    const crypto::PrivateKey& key, std::span<const crypto::Certificate> certificates);

// What `init` adds for ordinary clients: the intermediate under `root_key`. Errors: crypto.*.
[[nodiscard]] Result<SetupFile> ordinary_authority_file(const crypto::PrivateKey& root_key,
                                                        std::string_view fleet_name,
                                                        UnixMillis now);

}  // namespace i2::fleet
