// AcmeService: an ACME server (acme/server.h) with its records on disk, and with others who check
// challenges, issue certificates and take them back.
//
//   handle() ──▶ [ acme::Server ] ──▶ changes on disk ──▶ answer; checks, issuances, revocations
//
// What comes while one batch of changes is on its way to the disk is the next batch. An answer
// leaves after everything that it may tell of is on disk. When a write fails, what waits is
// answered 503, and so is everything else until handle_time() has opened the database again.
//
// An order gets one certificate, however often its issuance is asked for: before it is issued, the
// authority's record is searched for one of the requester "acme:<account>/<order>".
//
// Thread-safe; work happens in jobs of `post`.
#pragma once

#include <i2/crypto/secret.h>
#include <i2/trustchain/acme/server.h>
#include <i2/trustchain/certificate_authority.h>
#include <i2/trustchain/revocation_service.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain {

inline constexpr std::uint16_t kExternalKeyType = 0x0113;

// With which a new account is bound to one that the operator knows (RFC 8555 §7.3.4).
struct ExternalKey {
  std::string kid{};
  crypto::SecretBytes key{};
  UnixMillis created = 0;
};
[[nodiscard]] Bytes encode(const ExternalKey& key);
// Error: trust.record_invalid.
[[nodiscard]] Result<ExternalKey> decode_external_key(ByteView record);

struct AcmeEvent {
  enum class Kind : std::uint8_t {
    kValidated,
    kValidationFailed,
    kIssued,
    kRefused,   // the order's certificate, for good
    kDeferred,  // the same, until the next handle_time()
    kRevoked,
    kClosed,  // records cannot be written
    kReopened,
  };
  Kind kind{};
  std::string about{};      // a name, or names with commas between them
  std::string requester{};  // "acme:<account>/<order>", as in the authority's record
  std::string serial{};     // of a certificate, in hexadecimal digits
  std::optional<Error> error{};
};

class AcmeService {
 public:
  using Checked = std::function<void(Result<void>)>;
  struct Parts {
    std::filesystem::path dir;  // of the database, which is made if there is none
    acme::Options options;
    // Names have to be one of these or below one; empty: any that is proven.
    std::vector<std::string> domains{};
    CertificateStore& certificates;
    RevocationService& revocations;
    // As CertificateAuthority::issue().
    std::function<void(crypto::CertificateRequest, Application, CertificateAuthority::Done)> issue;
    // As ChallengeChecker's check() and check_caa(); each calls back once, on any thread.
    std::function<void(acme::Validation, Checked)> check;
    std::function<void(std::vector<std::string> names, Checked)> check_caa;
    const Clock& clock;
    Rng& rng;
    CertificateAuthority::Post post;
    std::function<void(const AcmeEvent&)> report{};  // on any thread
  };
  // Goes on with what was under way. Errors: acme.options_invalid, trust.record_invalid,
  // wire.malformed, acme.bad_public_key, acme.busy (more records than the options allow), store.*.
  [[nodiscard]] static Result<std::unique_ptr<AcmeService>> open(Parts parts);
  ~AcmeService();  // stops
  AcmeService(const AcmeService&) = delete;
  AcmeService& operator=(const AcmeService&) = delete;

  struct Request {
    std::string method;
    std::string target;  // what follows Options::base_url: path and query
    std::string content_type;
    std::string body;
  };
  // `done` runs once, in a job.
  void handle(Request request, const std::function<void(acme::Response)>& done);
  // Once a minute.
  void handle_time();
  // What waits is answered with 503. When it returns, no job touches what Parts refers to. Not in a
  // job of `post`.
  void stop();

  // What is on disk. Errors: store.*, those of open().
  [[nodiscard]] Result<std::vector<acme::Account>> accounts() const;
  [[nodiscard]] Result<std::vector<acme::Order>> orders(std::string_view account) const;
  struct ExternalKeyInfo {
    std::string kid;
    UnixMillis created;
  };
  [[nodiscard]] std::vector<ExternalKeyInfo> external_keys() const;

  // On disk when `done` runs, in a job. Errors: acme.account_unknown, acme.external_key_exists,
  // acme.external_key_unknown, acme.busy, store.*.
  using Done = std::function<void(Result<void>)>;
  void deactivate_account(std::string account, const Done& done);
  // `created` is set here.
  void add_external_key(std::string kid, crypto::SecretBytes key, const Done& done);
  // Accounts that were bound with it stay.
  void remove_external_key(std::string kid, const Done& done);

  struct Stats {
    std::uint64_t requests = 0;
    std::uint64_t refused_requests = 0;                         // 4xx
    std::uint64_t failed_requests = 0;                          // 5xx
    std::uint64_t validations = 0;                              // that held
    std::map<std::string, std::uint64_t> failed_validations{};  // by the code of the error
    std::uint64_t issued = 0;
    std::uint64_t refused_orders = 0;
    std::uint64_t revoked = 0;
    std::size_t waiting = 0;  // checks and issuances that are under way or were deferred
    bool closed = false;      // records cannot be written
  };
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] const acme::Options& options() const;

 private:
  struct Core;
  explicit AcmeService(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  std::shared_ptr<Core> core_;  // shared: with jobs and answers that are still to come
};

}  // namespace i2::trustchain
