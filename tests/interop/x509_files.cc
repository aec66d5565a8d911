// A certificate authority as a command, for x509_test.py: every call reads and writes files in a
// folder.
//
//   x509_files DIR authority NOW           root.pem issuer.pem log.pem and their keys
//   x509_files DIR issue NOW NAME          NAME.csr (DER) -> NAME.precert.pem NAME.pem
//   x509_files DIR revoke NOW NAME...      crl.der and everything.crl.der
//   x509_files DIR answer NOW HOW STATUS   ocsp.req -> ocsp.resp; HOW: direct, delegated
//   x509_files DIR request ALGORITHM       own.csr
#include <i2/crypto/crl.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/ocsp.h>
#include <i2/crypto/random.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/ordinary.h>
#include <i2/wire/reader.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace i2 {
namespace {

using trustchain::kLeafBackdateMs;
using trustchain::kLeafLifeMs;

constexpr const char* kBase = "http://ca.home.i2.internal";

class Folder {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  [[nodiscard]] crypto::Certificate certificate(const std::string& name) const {
    return crypto::Certificate::from_pem(read(name)).value();
  }
  [[nodiscard]] crypto::PrivateKey key(const std::string& name) const {
    return crypto::PrivateKey::from_pem(read(name)).value();
  }

 private:
  std::filesystem::path path_;
};

Bytes new_serial() {
  Bytes out(16);
  crypto::random_bytes(out);
  return out;
}

crypto::PrivateKey new_key() {
  return crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
}

trustchain::Issuer issuer_in(const Folder& folder) {
  trustchain::Issuer out = trustchain::issuer_of(
      trustchain::OrdinaryAuthority{.key = folder.key("issuer.key"),
                                    .certificate = folder.certificate("issuer.pem"),
                                    .root = folder.certificate("root.pem")});
  out.policies = {"2.23.140.1.2.1"};
  out.ocsp_urls = {std::string(kBase) + "/ocsp"};
  out.issuer_urls = {std::string(kBase) + "/issuer.der"};
  return out;
}

void make_authority(const Folder& folder, UnixMillis now) {
  const crypto::PrivateKey root = new_key();
  const auto made = trustchain::make_ordinary_authority(root, "home", now, new_serial).value();
  folder.write("root.pem", made.root.pem());
  folder.write("issuer.pem", made.certificate.pem());
  folder.write("issuer.key", as_text(made.key.pem().view()));
  folder.write("log.key", as_text(new_key().pem().view()));
}

// RFC 6962 §3.2, with the extension leaf_index (type 0, 40 bits) of C2SP static-ct-api.
Bytes sct_for(const crypto::PrecertificateEntry& entry, const crypto::PrivateKey& log,
              UnixMillis now) {
  constexpr std::uint64_t kIndex = 4711;
  Bytes extensions;
  wire::Writer e(extensions);
  e.u8(0);
  e.u16(5);
  e.u8(0);
  e.u32(kIndex);
  Bytes message;
  wire::Writer m(message);
  m.u8(0);  // v1
  m.u8(0);  // certificate_timestamp
  m.u64(now);
  m.u16(1);  // precert_entry
  m.bytes(entry.issuer_key_hash);
  m.u8(static_cast<std::uint8_t>(entry.tbs.size() >> 16));
  m.u16(static_cast<std::uint16_t>(entry.tbs.size()));
  m.bytes(entry.tbs);
  m.u16(static_cast<std::uint16_t>(extensions.size()));
  m.bytes(extensions);
  const Bytes signature = log.sign(message).value();
  Bytes out;
  wire::Writer w(out);
  w.u8(0);  // v1
  w.bytes(log.public_key().spki_sha256());
  w.u64(now);
  w.u16(static_cast<std::uint16_t>(extensions.size()));
  w.bytes(extensions);
  w.u8(4);  // sha256
  w.u8(3);  // ecdsa
  w.u16(static_cast<std::uint16_t>(signature.size()));
  w.bytes(signature);
  return out;
}

int issue(const Folder& folder, UnixMillis now, const std::string& name) {
  const auto request = crypto::CertificateRequest::from_der(as_bytes(folder.read(name + ".csr")));
  if (!request) {
    std::fprintf(stderr, "%s\n", request.error().to_string().c_str());
    return 1;
  }
  const trustchain::Issuer issuer = issuer_in(folder);
  const auto names = request->dns_names();
  const auto intent = trustchain::decide(
      *request, issuer,
      {.profile = trustchain::Profile::kServer,
       .applicant = {.role = trustchain::Requester::kAccount,
                     .fleet_name = "home",
                     .suffixes = {"web.example.com"},
                     .addresses = {{.address = {0x20, 0x01, 0x0d, 0xb8}, .bits = 32}}},
       .requester = name,
       .common_name = names.empty() ? "" : names.front(),
       .dns_names = names,
       .ip_addresses = request->ip_addresses(),
       .now = now,
       .serial = new_serial(),
       .crl_url = std::string(kBase) + "/crl/7",
       .logged = true});
  if (!intent) {
    std::fprintf(stderr, "%s\n", intent.error().to_string().c_str());
    return 1;
  }
  const auto precertificate =
      trustchain::sign(trustchain::prepare(*intent, request->public_key(), issuer).value(), issuer);
  const auto entry = crypto::precertificate_entry(*precertificate, issuer.certificate).value();
  const std::vector<Bytes> scts = {sct_for(entry, folder.key("log.key"), now)};
  const auto made = trustchain::complete(*intent, *precertificate, scts, issuer).value();
  folder.write(name + ".precert.pem", precertificate->pem());
  folder.write(name + ".pem", made.pem());
  return 0;
}

void revoke(const Folder& folder, UnixMillis now, const std::vector<std::string>& names) {
  std::vector<crypto::CrlEntry> entries;
  for (const std::string& name : names) {
    entries.push_back(
        {.serial = folder.certificate(name + ".pem").serial(),
         .revocation = {.revoked_at = now, .reason = crypto::RevocationReason::kKeyCompromise}});
  }
  crypto::CrlFields fields{.number = 12,
                           .this_update = now - kLeafBackdateMs,
                           .next_update = now + kLeafLifeMs,
                           .entries = entries,
                           .distribution_point = std::string(kBase) + "/crl/7"};
  const trustchain::Issuer issuer = issuer_in(folder);
  const auto shard = crypto::build_crl(fields, issuer.certificate, issuer.key).value();
  folder.write("crl.der", as_text(shard));
  fields.distribution_point.clear();
  const auto everything = crypto::build_crl(fields, issuer.certificate, issuer.key).value();
  folder.write("everything.crl.der", as_text(everything));
}

crypto::OcspResponder responder(const Folder& folder, UnixMillis now, bool delegated) {
  const trustchain::Issuer issuer = issuer_in(folder);
  if (!delegated) {
    return {.certificate = issuer.certificate, .key = issuer.key};
  }
  const crypto::PrivateKey key = new_key();
  const auto certificate =
      crypto::build_certificate({.subject_key = key.public_key(),
                                 .common_name = "responder",
                                 .not_before = now - kLeafBackdateMs,
                                 .not_after = now + kLeafLifeMs,
                                 .purposes = {crypto::KeyPurpose::kOcspSigning},
                                 .serial = new_serial()},
                                &issuer.certificate, issuer.key)
          .value();
  return {.certificate = certificate, .key = key, .delegated = true};
}

int answer(const Folder& folder, UnixMillis now, bool delegated, const std::string& status) {
  const auto request = crypto::parse_ocsp_request(as_bytes(folder.read("ocsp.req")));
  if (!request) {
    folder.write("ocsp.resp", as_text(crypto::ocsp_error(crypto::OcspError::kMalformedRequest)));
    return 0;
  }
  crypto::OcspResponse response{.answers = {}, .produced_at = now, .nonce = request->nonce};
  for (const crypto::OcspCertificateId& id : request->certificates) {
    if (!id.is_issued_by(folder.certificate("issuer.pem"))) {
      return 1;
    }
    response.answers.push_back(
        {.certificate = id,
         .status = status == "good"      ? crypto::CertificateStatus::kGood
                   : status == "revoked" ? crypto::CertificateStatus::kRevoked
                                         : crypto::CertificateStatus::kUnknown,
         .revocation = {.revoked_at = now - 1000, .reason = crypto::RevocationReason::kSuperseded},
         .this_update = now - 1000,
         .next_update = now + kLeafLifeMs});
  }
  const auto der = crypto::build_ocsp_response(response, responder(folder, now, delegated)).value();
  folder.write("ocsp.resp", as_text(der));
  return 0;
}

int run(const std::vector<std::string>& words) {
  const Folder folder(words.at(0));
  const std::string& verb = words.at(1);
  if (verb == "request") {
    const auto key =
        crypto::PrivateKey::generate(crypto::signature_algorithm(words.at(2)).value()).value();
    const auto request = crypto::CertificateRequest::create(
        key, "web.example.com", {"web.example.com"}, {crypto::IpAddress{0x20, 0x01, 0x0d, 0xb8}});
    folder.write("own.csr", as_text(request.value().der()));
    return 0;
  }
  const UnixMillis now = std::stoull(words.at(2));
  if (verb == "authority") {
    make_authority(folder, now);
    return 0;
  }
  if (verb == "issue") {
    return issue(folder, now, words.at(3));
  }
  if (verb == "revoke") {
    revoke(folder, now, {words.begin() + 3, words.end()});
    return 0;
  }
  if (verb == "answer") {
    return answer(folder, now, words.at(3) == "delegated", words.at(4));
  }
  return 2;
}

}  // namespace
}  // namespace i2

int main(int argc, char** argv) {
  try {
    return i2::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "x509_files: %s\n", error.what());
    return 2;
  }
}
