// An ACME client and a certificate authority for tests, and the server between them. Needs
// <nlohmann/json.hpp>, which is expensive, before it.
#pragma once

#include <i2/crypto/hash.h>
#include <i2/crypto/testing/seeded_random.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/server.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::trustchain::acme::testing {

using nlohmann::json;

inline constexpr UnixMillis kNow = 1'763'700'000'000;  // 2025-11-21T04:40:00Z
inline constexpr UnixMillis kHour = 3600ULL * 1000;
inline const std::string kBase = "https://ca.home.i2.internal:9292/acme";
inline const std::string kNewAccount = kBase + "/new-account";
inline const std::string kNewOrder = kBase + "/new-order";

// A key with which a client signs, as a JWK.
class ClientKey {
 public:
  explicit ClientKey(crypto::SignatureAlgorithm algorithm = crypto::SignatureAlgorithm::kEcdsaP256)
      : ClientKey(crypto::PrivateKey::generate(algorithm).value()) {}
  explicit ClientKey(crypto::PrivateKey key) : key_(std::move(key)) {
    const Bytes spki = key_.public_key().spki();
    if (key_.algorithm() == crypto::SignatureAlgorithm::kEd25519) {
      name = "EdDSA";
      jwk = {
          {"kty", "OKP"}, {"crv", "Ed25519"}, {"x", wire::to_base64url(ByteView(spki).last(32))}};
    } else {
      name = "ES256";
      jwk = {{"kty", "EC"},
             {"crv", "P-256"},
             {"x", wire::to_base64url(ByteView(spki).last(64).first(32))},
             {"y", wire::to_base64url(ByteView(spki).last(32))}};
    }
  }

  [[nodiscard]] Bytes sign(std::string_view text) const {
    const Bytes signature = key_.sign(as_bytes(text)).value();
    return name == "EdDSA" ? signature : raw_of(signature);
  }
  [[nodiscard]] std::string thumbprint() const {
    return acme::thumbprint(parse_jwk(jwk.dump()).value());
  }
  [[nodiscard]] const crypto::PrivateKey& key() const { return key_; }

  json jwk;
  std::string name;

 private:
  // r || s of a DER ECDSA signature on P-256 (RFC 3279 §2.2.3).
  static Bytes raw_of(ByteView der) {
    Bytes out;
    std::size_t at = 2;
    for (int i = 0; i < 2; ++i) {
      const std::size_t size = der[at + 1];
      const ByteView number = der.subspan(at + 2, size);
      Bytes half(32);
      const std::size_t skip = size > 32 ? size - 32 : 0;
      std::memcpy(half.data() + 32 - (size - skip), number.data() + skip, size - skip);
      append(out, half);
      at += 2 + size;
    }
    return out;
  }

  crypto::PrivateKey key_;
};

inline std::string b64(std::string_view text) {
  return wire::to_base64url(as_bytes(text));
}

// `payload` as it is: empty for POST-as-GET.
inline json jws(const json& header, std::string_view payload, const ClientKey& key) {
  const std::string head = b64(header.dump());
  const std::string body = b64(payload);
  return {{"protected", head},
          {"payload", body},
          {"signature", wire::to_base64url(key.sign(head + "." + body))}};
}

// Allows everything but names below "evil.example", and knows one external account.
class TestAuthority final : public Authority {
 public:
  TestAuthority() : mac_(to_bytes(as_bytes("a shared secret of 32 characters"))) {}

  [[nodiscard]] Result<void> check_name(const Account& /*account*/,
                                        std::string_view name) const override {
    if (name.ends_with("evil.example")) {
      return fail("trust.request_name", "nobody may have '" + std::string(name) + "'");
    }
    return {};
  }
  [[nodiscard]] const crypto::SecretBytes* external_key(std::string_view kid) const override {
    return kid == "external-1" ? &mac_ : nullptr;
  }
  [[nodiscard]] std::optional<RenewalInfo> renewal_info(const CertificateId& id,
                                                        UnixMillis now) const override {
    if (id.serial != Bytes{0x87, 0x65, 0x43, 0x21}) {
      return std::nullopt;
    }
    return RenewalInfo{.start = now,
                       .end = now + kHour,
                       .explanation_url = "https://ca.home.i2.internal/why",
                       .ask_again_s = 1800};
  }
  [[nodiscard]] ByteView mac() const { return mac_.view(); }

  // A leaf for `issuance`, and the issuer.
  [[nodiscard]] Issued issue(const Issuance& issuance) {
    const auto request = crypto::CertificateRequest::from_der(issuance.request).value();
    Bytes serial(16, 0x55);
    serial.back() = ++serial_;
    auto leaf = crypto::build_certificate({.subject_key = request.public_key(),
                                           .common_name = issuance.names.front(),
                                           .dns_names = issuance.names,
                                           .not_before = kNow,
                                           .not_after = kNow + 24 * kHour,
                                           .serial = serial},
                                          &issuer(), issuer_key())
                    .value();
    return {.chain = {std::move(leaf), issuer()}};
  }

 private:
  static const crypto::PrivateKey& issuer_key() {
    static const auto key =
        crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
    return key;
  }
  static const crypto::Certificate& issuer() {
    static const auto made = crypto::build_certificate({.subject_key = issuer_key().public_key(),
                                                        .common_name = "test issuer",
                                                        .dns_names = {},
                                                        .not_before = kNow - kHour,
                                                        .not_after = kNow + 1000 * kHour,
                                                        .ca = true,
                                                        .path_length = 0,
                                                        .serial = Bytes(16, 0x44)},
                                                       nullptr, issuer_key())
                                 .value();
    return made;
  }

  crypto::SecretBytes mac_;
  std::uint8_t serial_ = 0;
};

// A server whose records are kept, as a service would.
struct World {
  explicit World(Options with = {}) : options(std::move(with)) {
    if (options.base_url.empty()) {
      options.base_url = kBase;
    }
    restart();
  }

  // A new process with the records of the old one.
  void restart() {
    save();
    server = std::make_unique<Server>(options, authority, rng);
    for (const auto& [id, record] : records) {
      server->restore(record).value();
    }
    server->resume(now);
  }
  void save() {
    while (auto change = server ? server->poll_change() : std::nullopt) {
      const auto key = std::pair(change->kind, change->id);
      if (change->record.empty()) {
        records.erase(key);
      } else {
        records[key] = std::move(change->record);
      }
    }
  }
  Response handle(const Request& request) {
    Response out = server->handle(request, now);
    save();
    return out;
  }

  Options options;
  TestAuthority authority;
  crypto::testing::SeededRng rng{20251121};
  UnixMillis now = kNow;
  std::unique_ptr<Server> server;
  std::map<std::pair<RecordKind, std::string>, Bytes> records;
};

struct Reply {
  Response raw;
  json body;

  [[nodiscard]] int status() const { return raw.status; }
  // The first of this name, or empty.
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : raw.headers) {
      if (key == name) {
        return value;
      }
    }
    return {};
  }
  [[nodiscard]] bool has_link(const std::string& url, const std::string& relation) const {
    return std::ranges::find(raw.headers, std::pair<std::string, std::string>{
                                              "link", "<" + url + ">;rel=\"" + relation +
                                                          "\""}) != raw.headers.end();
  }
  // "status type" of a problem, "status" of anything else.
  [[nodiscard]] std::string verdict() const {
    constexpr std::string_view kPrefix = "urn:ietf:params:acme:error:";
    const std::string type = body.is_object() ? body.value("type", "") : "";
    return std::to_string(raw.status) +
           (type.starts_with(kPrefix) ? " " + type.substr(kPrefix.size()) : "");
  }
};

class Client {
 public:
  explicit Client(World& in,
                  crypto::SignatureAlgorithm algorithm = crypto::SignatureAlgorithm::kEcdsaP256)
      : key(algorithm), world_(in) {}

  Reply get(std::string_view target, std::string_view method = "GET") {
    return reply({.method = method, .target = target, .content_type = {}, .body = {}});
  }
  [[nodiscard]] std::string nonce() { return get("/new-nonce", "HEAD").header("replay-nonce"); }

  // The header of an ordinary request: by account, or by key before there is one.
  [[nodiscard]] json header(const std::string& url) {
    json out{{"alg", key.name}, {"nonce", nonce()}, {"url", url}};
    if (account.empty()) {
      out["jwk"] = key.jwk;
    } else {
      out["kid"] = account;
    }
    return out;
  }
  Reply post(const std::string& url, const json& payload) { return send(url, payload.dump()); }
  Reply fetch(const std::string& url) { return send(url, ""); }
  Reply send(const std::string& url, std::string_view payload) {
    return send_text(url, jws(header(url), payload, key).dump());
  }
  Reply send_text(const std::string& url, std::string_view body) {
    const std::string target = url.substr(kBase.size());
    return reply({.method = "POST",
                  .target = target,
                  .content_type = "application/jose+json",
                  .body = body});
  }
  Reply reply(const Request& request) {
    Reply out{.raw = world_.handle(request), .body = {}};
    if (out.raw.content_type.ends_with("json")) {
      out.body = json::parse(out.raw.body);
    }
    return out;
  }

  Client& join(const json& payload = json::object()) {
    const Reply made = post(kBase + "/new-account", payload);
    account = made.header("location");
    return *this;
  }
  Reply order(const std::vector<std::string>& names, json more = json::object()) {
    more["identifiers"] = json::array();
    for (const std::string& name : names) {
      more["identifiers"].push_back({{"type", "dns"}, {"value", name}});
    }
    return post(kBase + "/new-order", more);
  }
  // The URL of a challenge of an authorization.
  std::string challenge(const std::string& authorization, std::string_view type) {
    const Reply found = fetch(authorization);
    for (const json& entry : found.body["challenges"]) {
      if (entry["type"] == type) {
        return entry["url"];
      }
    }
    return {};
  }
  // Proves all names of an order with dns-01.
  void prove(const json& order) {
    for (const std::string url : order["authorizations"]) {
      if (fetch(url).body["status"] == "pending") {
        post(challenge(url, "dns-01"), json::object());
      }
    }
    while (const auto validation = world_.server->poll_validation()) {
      world_.server->handle_validation(validation->authorization, {}, world_.now);
    }
    world_.save();
  }
  Reply finalize(const json& order, const std::vector<std::string>& names,
                 const crypto::PrivateKey& with) {
    const auto csr = crypto::CertificateRequest::create(with, names.front(), names).value();
    return post(order["finalize"], {{"csr", wire::to_base64url(csr.der())}});
  }
  // From newOrder to the certificate; the order as it is then.
  Reply obtain(const std::vector<std::string>& names, json more = json::object()) {
    const Reply made = order(names, std::move(more));
    prove(made.body);
    finalize(made.body, names, leaf_key());
    while (const auto issuance = world_.server->poll_issuance()) {
      world_.server->handle_issued(issuance->order, world_.authority.issue(*issuance), world_.now);
    }
    world_.save();
    return fetch(made.header("location"));
  }
  static const crypto::PrivateKey& leaf_key() {
    static const auto made =
        crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
    return made;
  }

  ClientKey key;
  std::string account;  // URL

 private:
  World& world_;
};

}  // namespace i2::trustchain::acme::testing
