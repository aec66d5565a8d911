// ChallengeChecker: goes and looks whether somebody controls a name (RFC 8555 §8, RFC 8737), and
// whether the name's owner lets this authority certify it (CAA, RFC 8659).
//
//   names ──▶ hosts file ──▶ DNS (libunbound) ──▶ guard ──▶ TCP, TLS, HTTP over IPv6
//
// Whom a client may make this process connect to is guarded: addresses from DNS must be global
// unicast or unique local (fc00::/7), wherever a redirect leads too. The hosts file is the
// operator's word and may name any address but multicast, unspecified and IPv4 ones.
//
// Everything runs on the executor given at open(), whose context one thread runs: open(), check(),
// check_caa(), stop() and destruction happen there, or when nothing runs there any more; after
// stop(), destruction may happen anywhere. Nothing blocks the executor: the hosts file is read on
// `pool`, and libunbound has one thread of its own.
//
// Limits: Config. A check ends after `time_limit` (check_caa(): that for each name) at the latest;
// those that are more than `checks_max` at a time wait for their turn before that time begins.
#pragma once

#include <i2/base/error.h>
#include <i2/trustchain/acme/validation.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain {

// Whether open() takes them as Config::resolver and Config::caa_identities. Error:
// acme.options_invalid.
[[nodiscard]] Result<void> check_resolver(std::string_view server);
[[nodiscard]] Result<void> check_caa_identities(const std::vector<std::string>& identities);

class ChallengeChecker {
 public:
  struct Config {
    // "[address]:port" of the DNS server to ask (port 53 if none is given). Empty: those of
    // /etc/resolv.conf that have an IPv6 address; without any, only the hosts file has names. It is
    // believed: where DNSSEC matters, it has to validate.
    std::string resolver{};
    // Lines of an IPv6 address and names, like /etc/hosts; asked first, read for each check.
    // Empty: none.
    std::filesystem::path hosts_file{};
    // Where ports 80 and 443 of the hosts to be validated are looked for.
    std::uint16_t http_port = 80;
    std::uint16_t tls_port = 443;
    // What CAA records call this authority (RFC 8659 §4.2). Empty: any `issue` excludes it.
    std::vector<std::string> caa_identities{};
    // Names in this zone, and those of the hosts file, need no CAA lookup. Empty: none.
    std::string internal_zone{};

    std::size_t checks_max = 64;  // at a time
    std::chrono::milliseconds time_limit{10'000};
    std::size_t body_size_max = 64 * 1024;
    std::size_t redirects_max = 10;
  };

  // Error: acme.options_invalid (the resolver's address, the hosts file, a CAA identity).
  [[nodiscard]] static Result<std::unique_ptr<ChallengeChecker>> open(
      boost::asio::any_io_executor executor, boost::asio::any_io_executor pool, Config config);
  // When every check has ended, as stop() makes them. Joins libunbound's thread (milliseconds).
  ~ChallengeChecker();
  ChallengeChecker(const ChallengeChecker&) = delete;
  ChallengeChecker& operator=(const ChallengeChecker&) = delete;

  // Whether what `validation` asks for is there; as Server::handle_validation() takes it. CAA is
  // not looked at: that is a matter of issuing. Errors, to be shown to the client:
  // acme.connection (not reached, not allowed, no HTTP, bad redirect, too late), acme.dns (the name
  // was not found, or the lookup failed), acme.tls (no handshake), acme.incorrect_response (what
  // was found is not it); acme.server_internal after stop().
  [[nodiscard]] boost::asio::awaitable<Result<void>> check(acme::Validation validation);

  // Whether all of `names` ("*.x": a wildcard) may be certified now; to be asked right before
  // issuing, with Issuance::names. Errors: acme.caa, acme.dns (a lookup failed, which is not a
  // permission: RFC 8659 §3), acme.server_internal after stop().
  [[nodiscard]] boost::asio::awaitable<Result<void>> check_caa(std::vector<std::string> names);

  // Checks under way end soon with acme.server_internal, later ones at once.
  void stop();

 private:
  struct Core;
  explicit ChallengeChecker(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace i2::trustchain
