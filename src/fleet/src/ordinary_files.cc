#include "ordinary_files.h"

#include <algorithm>

#include "serial.h"

namespace i2::fleet {
namespace {

constexpr std::size_t kOrdinaryPemSizeMax = 64 * 1024;
constexpr std::size_t kCertificatesMax = 4;
constexpr std::string_view kHeader = "-----BEGIN CERTIFICATE-----";

}  // namespace

Result<std::vector<crypto::Certificate>> parse_certificates(std::string_view pem) {
  std::vector<crypto::Certificate> out;
  for (std::size_t at = pem.find(kHeader); at != pem.npos;) {
    const std::size_t next = pem.find(kHeader, at + kHeader.size());
    if (out.size() == kCertificatesMax) {
      return fail("crypto.certificate_malformed", "more certificates than a chain has");
    }
    I2_TRY_VALUE(auto certificate, crypto::Certificate::from_pem(pem.substr(at, next - at)));
    out.push_back(std::move(certificate));
    at = next;
  }
  return out;
}

Result<KeyAndCertificates> read_key_and_certificates(const std::filesystem::path& path) {
  I2_TRY_VALUE(const auto pem, read_secret(path, kOrdinaryPemSizeMax));
  const std::string_view text = as_text(pem.view());
  const std::size_t split = std::min(text.find(kHeader), text.size());
  auto key = crypto::PrivateKey::from_pem(text.substr(0, split));
  auto certificates = parse_certificates(text.substr(split));
  if (!key || !certificates || certificates->empty() ||
      !equal(key->public_key().spki(), certificates->front().public_key().spki())) {
    return fail("fleet.leaf_damaged", "'" + path.string() +
                                          "' does not hold a key and its certificates; restore it "
                                          "from a backup, or remove it to have it made again");
  }
  return KeyAndCertificates{.key = *std::move(key), .certificates = *std::move(certificates)};
}

crypto::SecretBytes key_and_certificates_pem(const crypto::PrivateKey& key,
                                             std::span<const crypto::Certificate> certificates) {
  const crypto::SecretBytes key_pem = key.pem();
  std::string public_part;
  for (const crypto::Certificate& certificate : certificates) {
    public_part += certificate.pem();
  }
  Bytes out;
  out.reserve(key_pem.size() + public_part.size());  // no copy of the key is left behind
  append(out, key_pem.view());
  append(out, as_bytes(public_part));
  return crypto::SecretBytes(std::move(out));
}

Result<SetupFile> ordinary_authority_file(const crypto::PrivateKey& root_key,
                                          std::string_view fleet_name, UnixMillis now) {
  I2_TRY_VALUE(const auto made,
               trustchain::make_ordinary_authority(root_key, fleet_name, now, random_serial));
  const crypto::Certificate chain[] = {made.certificate, made.root};
  return secret_file(kOrdinaryCaFile, key_and_certificates_pem(made.key, chain));
}

}  // namespace i2::fleet
