// An ACME server (RFC 8555) without I/O: HTTP requests go in, responses come out, and what has to
// be done outside is polled for.
//
//   Server server(options, authority, rng);
//   for (each record) server.restore(record);
//   server.resume(now);
//
//   Response response = server.handle(request, now);
//   while (auto change = server.poll_change()) ...     // make durable, and only then
//   send(response);
//   while (auto v = server.poll_validation()) ...      // -> handle_validation()
//   while (auto i = server.poll_issuance()) ...        // -> handle_issued() / handle_refused()
//
// A revocation is answered when it has been done: `response.waits_for` is then the ticket of what
// poll_revocation() gives, and handle_revoked() returns the response.
//
// Restarts: accounts, authorizations and orders are records; resume() asks again for validations
// and certificates that were under way. So an issuance can be asked for twice with the same order
// id, and must be answered with the same certificate. Nonces and rate meters begin anew.
//
// Limits: every table is bounded by Options. A full one loses its oldest row that nobody has proved
// anything for: accounts without a validated name, authorizations that are not valid, orders
// without a request for a certificate. When there is none, new rows are refused (503).
//
// Not thread-safe; does not copy or move. `authority` and `rng` outlive it.
#pragma once

#include <i2/base/error.h>
#include <i2/base/rng.h>
#include <i2/crypto/secret.h>
#include <i2/crypto/x509.h>
#include <i2/trustchain/acme/certificate_id.h>
#include <i2/trustchain/acme/rate.h>
#include <i2/trustchain/acme/records.h>
#include <i2/trustchain/acme/validation.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::trustchain::acme {

struct Options {
  // "https://name[:port]/path" without a slash at its end; every URL begins with it. The host is a
  // name: acme.sh and dehydrated fail on addresses.
  std::string base_url;
  std::string website{};                          // of the directory's meta; empty: none
  std::string terms_url{};                        // to be agreed to; empty: no terms
  std::vector<std::string> caa_identities{};      // of the directory's meta
  std::map<std::string, std::string> profiles{};  // name and description; empty: no profiles
  bool external_account_required = false;

  std::size_t names_max = 32;  // of an order; at most kNamesMax
  std::size_t accounts_max = 10'000;
  std::size_t authorizations_max = 50'000;
  std::size_t orders_max = 20'000;
  std::size_t revocations_max = 256;  // under way

  UnixMillis pending_life_ms = 24 * 3600 * 1000ULL;            // of orders and authorizations
  UnixMillis authorization_life_ms = 7 * 24 * 3600 * 1000ULL;  // of valid ones
  RateLimit new_orders{.count = 300, .window_ms = 3 * 3600 * 1000ULL};     // per account
  RateLimit failed_validations{.count = 60, .window_ms = 3600 * 1000ULL};  // per account
};
// Error: acme.options_invalid.
[[nodiscard]] Result<void> check(const Options& options);

// RFC 9773 §4.2.
struct RenewalInfo {
  UnixMillis start = 0;
  UnixMillis end = 0;
  std::string explanation_url{};  // empty: none
  std::uint32_t ask_again_s = 3600;
};

// What the server asks; answered at once.
class Authority {
 public:
  virtual ~Authority() = default;
  // Whether the account may try to get certificates for `name` ("*.x": a wildcard). The message of
  // an error is shown to the client.
  [[nodiscard]] virtual Result<void> check_name(const Account& account,
                                                std::string_view name) const = 0;
  // The MAC key of an external account, or null.
  [[nodiscard]] virtual const crypto::SecretBytes* external_key(std::string_view kid) const = 0;
  // None for certificates that this authority did not issue.
  [[nodiscard]] virtual std::optional<RenewalInfo> renewal_info(const CertificateId& id,
                                                                UnixMillis now) const = 0;
};

// The views need to live during handle() only.
struct Request {
  std::string_view method;  // "POST"
  std::string_view target;  // what follows Options::base_url: path and query
  std::string_view content_type;
  std::string_view body;
};

struct Response {
  int status = 200;
  std::string content_type{};  // empty: no body
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::uint64_t waits_for = 0;                                 // a revocation; 0: nothing
};

struct RecordChange {
  RecordKind kind;
  std::string id;
  Bytes record;  // empty: it is gone
};

struct Issuance {
  std::string order;
  std::string account;
  Bytes request;                   // DER of PKCS #10, signed by its key
  std::vector<std::string> names;  // exactly these, whatever the request says
  std::string profile;
};

struct Issued {
  std::vector<crypto::Certificate> chain;  // the leaf first
};

// The certificate is as the client sent it, and anybody can make one that bears a serial number of
// ours: only one that was issued, byte for byte, may be revoked.
struct Revocation {
  std::uint64_t ticket = 0;
  crypto::Certificate certificate;
  std::uint8_t reason = 0;  // RFC 5280 §5.3.1
  std::string account;      // empty: signed with the certificate's own key
};

// What a client is told when its request came to nothing for reasons that pass: 503.
[[nodiscard]] Response unavailable();

class Store;
class Nonces;

class Server {
 public:
  Server(Options options, const Authority& authority, Rng& rng);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before resume(), in any order. Errors: wire.malformed, acme.bad_public_key, acme.busy (over the
  // limits).
  [[nodiscard]] Result<void> restore(ByteView record);
  void resume(UnixMillis now);

  [[nodiscard]] Response handle(const Request& request, UnixMillis now);

  // `outcome`: an error is shown to the client; acme.connection, acme.dns, acme.tls, acme.caa,
  // acme.unauthorized and acme.incorrect_response are those of RFC 8555 §6.7.
  void handle_validation(std::string_view authorization, const Result<void>& outcome,
                         UnixMillis now);
  // False: there is no such order (any more), or the chain is too long to be kept.
  bool handle_issued(std::string_view order, const Issued& issued, UnixMillis now);
  bool handle_refused(std::string_view order, const Error& error);
  // It cannot be issued now: poll_issuance() gives it once more.
  void handle_deferred(std::string_view order);
  // acme.already_revoked, acme.unauthorized and acme.bad_revocation_reason are those of RFC 8555.
  // Once for each ticket.
  [[nodiscard]] Response handle_revoked(std::uint64_t ticket, const Result<void>& outcome);
  // As its owner could do it. False: there is no such account, or it was deactivated before.
  bool deactivate_account(std::string_view account);
  // Forgets what has expired; once a minute is plenty.
  void handle_time(UnixMillis now);

  [[nodiscard]] std::optional<RecordChange> poll_change();
  [[nodiscard]] std::optional<Validation> poll_validation();
  [[nodiscard]] std::optional<Issuance> poll_issuance();
  [[nodiscard]] std::optional<Revocation> poll_revocation();

 private:
  struct Call;  // a request and what has been found out about it

  [[nodiscard]] Result<Response> respond(Call& call);
  [[nodiscard]] Result<Response> respond_to_get(const Call& call) const;
  [[nodiscard]] Result<Response> respond_to_post(Call& call);
  [[nodiscard]] Result<void> authenticate(Call& call);
  [[nodiscard]] Result<void> find_signer(Call& call);
  [[nodiscard]] Response finished(Response response, const Call* call);

  [[nodiscard]] Response directory() const;
  [[nodiscard]] Result<Response> renewal_info(const Call& call) const;

  [[nodiscard]] Result<Response> new_account(Call& call);
  [[nodiscard]] Result<Response> account(Call& call);
  [[nodiscard]] Result<Response> account_orders(const Call& call);
  [[nodiscard]] Result<Response> key_change(Call& call);
  [[nodiscard]] Result<std::string> external_account(const Call& call) const;
  [[nodiscard]] Response account_response(const Account& account, int status) const;

  [[nodiscard]] Result<Response> new_order(Call& call);
  [[nodiscard]] Result<Response> order(const Call& call);
  [[nodiscard]] Result<Response> finalize(const Call& call);
  [[nodiscard]] Result<Response> certificate(const Call& call);
  [[nodiscard]] Result<Order*> find_order(const Call& call);
  [[nodiscard]] Result<void> check_rates(const Call& call) const;
  [[nodiscard]] Result<std::string> replaced_by(const Call& call,
                                                const std::vector<std::string>& names);
  [[nodiscard]] Response order_response(const Order& order, int status, UnixMillis now);
  [[nodiscard]] std::string_view status_of(const Order& order, UnixMillis now);
  void authorize(Order& order, UnixMillis now);

  [[nodiscard]] Result<Response> authorization(const Call& call);
  [[nodiscard]] Result<Response> challenge(const Call& call);
  [[nodiscard]] Result<Authorization*> find_authorization(const Call& call);
  [[nodiscard]] Result<Response> revoke(const Call& call);
  [[nodiscard]] Result<void> may_revoke(const Call& call,
                                        const crypto::Certificate& certificate) const;

  [[nodiscard]] std::string url(std::string_view path, std::string_view id = {},
                                std::string_view tail = {}) const;
  [[nodiscard]] std::string make_id();

  Options options_;
  const Authority& authority_;
  Rng& rng_;
  std::unique_ptr<Nonces> nonces_;
  std::unique_ptr<Store> store_;
  std::deque<std::string> validations_;  // ids of authorizations; each is there once at most
  std::deque<std::string> issuances_;    // ids of orders; likewise
  std::deque<Revocation> revocations_;
  std::set<std::uint64_t> open_tickets_;  // of revocations
  std::uint64_t next_ticket_ = 1;
};

}  // namespace i2::trustchain::acme
