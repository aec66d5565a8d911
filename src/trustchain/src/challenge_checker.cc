#include <i2/base/assert.h>
#include <i2/rt/runtime.h>
#include <i2/rt/signal.h>
#include <i2/trustchain/challenge_checker.h>
#include <i2/trustchain/core/profile.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <iterator>
#include <utility>

#include "checks/connection.h"
#include "checks/dns_client.h"
#include "checks/http_get.h"
#include "checks/names.h"
#include "checks/records.h"

namespace i2::trustchain {
namespace asio = boost::asio;

namespace {

using checks::Connection;
using checks::DnsType;
using checks::Url;
using stoq::core::SocketAddress;
using Addresses = std::vector<SocketAddress>;

constexpr std::size_t kAddressesTried = 4;  // of a name

// One token for each check that may begin.
using Turns = asio::experimental::channel<void(boost::system::error_code)>;

class Turn {
 public:
  explicit Turn(Turns& turns) : turns_(turns) {}
  ~Turn() { turns_.try_send(boost::system::error_code()); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Turns& turns_;
};

// One check under way.
struct Attempt {
  checks::Hosts hosts{};
  // What to say when the time is over.
  Error late{"acme.connection", "the check did not end in time"};
};

Result<checks::Hosts> read_hosts(const std::filesystem::path& path) {
  if (path.empty()) {
    return checks::Hosts();
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(checks::kHostsSizeMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return fail("acme.options_invalid", "the hosts file " + path.string() + " cannot be read");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return checks::parse_hosts(text);
}

std::string_view trim_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);  // npos + 1 is 0
}

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

Error late_at(std::string_view where) {
  return {"acme.connection", std::string(where) + " did not answer in time"};
}

Result<void> judge_body(const checks::HttpAnswer& answer, std::string_view expected) {
  if (answer.status != 200) {
    return fail("acme.incorrect_response",
                "the answer has status " + std::to_string(answer.status));
  }
  // Not quoted: it may come from where the client cannot look.
  if (trim_end(answer.body) != expected) {
    return fail("acme.incorrect_response", "the body is not the key authorization");
  }
  return {};
}

}  // namespace

struct ChallengeChecker::Core {
  Core(asio::any_io_executor on, asio::any_io_executor files, Config settings)
      : executor(std::move(on)),
        pool(std::move(files)),
        config(std::move(settings)),
        turns(executor, config.checks_max),
        stopping(executor) {
    for (std::size_t i = 0; i < config.checks_max; ++i) {
      I2_ASSERT(turns.try_send(boost::system::error_code()));
    }
  }

  // `work` when it is its turn, for so long as it may take.
  [[nodiscard]] asio::awaitable<Result<void>> limited(asio::awaitable<Result<void>> work,
                                                      const Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> prove(const acme::Validation* validation,
                                                    Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> prove_http(const acme::HttpCheck* check,
                                                         Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> prove_dns(const acme::DnsCheck* check,
                                                        Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> prove_tls(const acme::TlsAlpnCheck* check,
                                                        Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> permit(std::string_view name, Attempt* attempt);

  [[nodiscard]] asio::awaitable<Result<checks::HttpAnswer>> get(Url url, Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> load_hosts(Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<Addresses>> resolve(std::string name, std::uint16_t port,
                                                           Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<std::vector<Bytes>>> lookup(std::string name, DnsType type,
                                                                   Attempt* attempt);
  [[nodiscard]] asio::awaitable<Result<void>> connect(Connection* connection, Addresses addresses);
  [[nodiscard]] Result<std::uint16_t> port_of(const Url& url) const;

  const asio::any_io_executor executor;
  const asio::any_io_executor pool;
  const Config config;
  std::unique_ptr<checks::DnsClient> dns{};
  Turns turns;
  rt::Signal stopping;
  bool stopped = false;
};

asio::awaitable<Result<void>> ChallengeChecker::Core::limited(asio::awaitable<Result<void>> work,
                                                              const Attempt* attempt) {
  using namespace asio::experimental::awaitable_operators;
  const auto has_stopped = [] {
    return fail("acme.server_internal", "the authority is being stopped");
  };
  const auto [closed] = co_await turns.async_receive(asio::as_tuple(asio::use_awaitable));
  if (closed || stopped) {
    co_return has_stopped();
  }
  const Turn turn(turns);
  auto outcome = co_await (std::move(work) || stopping.wait() || rt::sleep_for(config.time_limit));
  switch (outcome.index()) {
    case 0:
      co_return std::get<0>(std::move(outcome));
    case 1:
      co_return has_stopped();
    default:
      co_return fail(attempt->late);
  }
}

asio::awaitable<Result<void>> ChallengeChecker::Core::prove(const acme::Validation* validation,
                                                            Attempt* attempt) {
  I2_CO_TRY(co_await load_hosts(attempt));
  if (const auto* const http = std::get_if<acme::HttpCheck>(&validation->check)) {
    co_return co_await prove_http(http, attempt);
  }
  if (const auto* const dns_check = std::get_if<acme::DnsCheck>(&validation->check)) {
    co_return co_await prove_dns(dns_check, attempt);
  }
  co_return co_await prove_tls(std::get_if<acme::TlsAlpnCheck>(&validation->check), attempt);
}

asio::awaitable<Result<void>> ChallengeChecker::Core::prove_http(const acme::HttpCheck* check,
                                                                 Attempt* attempt) {
  I2_CO_TRY_VALUE(Url url, checks::parse_url(check->url));
  for (std::size_t redirects = 0;; ++redirects) {
    const std::string where = checks::to_text(url);
    const auto answer = co_await get(url, attempt);
    if (!answer) {
      co_return fail(answer.error().in(where));
    }
    if (!checks::is_redirect(answer->status)) {
      const auto judged = judge_body(*answer, check->body);
      co_return judged ? judged : fail(judged.error().in(where));
    }
    if (redirects == config.redirects_max) {
      co_return fail("acme.connection", where + ": the " + std::to_string(redirects + 1) +
                                            "th redirect in a row; they are not followed further");
    }
    auto next = checks::follow(url, answer->location);
    if (!next) {
      co_return fail(next.error().in(where));
    }
    url = *std::move(next);
  }
}

asio::awaitable<Result<checks::HttpAnswer>> ChallengeChecker::Core::get(Url url, Attempt* attempt) {
  I2_CO_TRY_VALUE(const std::uint16_t port, port_of(url));
  I2_CO_TRY_VALUE(Addresses addresses, co_await resolve(url.host, port, attempt));
  attempt->late = late_at(checks::to_text(url));
  Connection connection(executor);
  I2_CO_TRY(co_await connect(&connection, std::move(addresses)));
  if (url.tls) {
    I2_CO_TRY(co_await connection.start_tls(url.host, ""));
  }
  co_return co_await checks::http_get(&connection, std::move(url), config.body_size_max);
}

asio::awaitable<Result<void>> ChallengeChecker::Core::prove_dns(const acme::DnsCheck* check,
                                                                Attempt* attempt) {
  I2_CO_TRY_VALUE(const std::vector<Bytes> records,
                  co_await lookup(check->name, DnsType::kTxt, attempt));
  if (records.empty()) {
    co_return fail("acme.dns", check->name + " has no TXT records");
  }
  // RFC 8555 §8.4: one of them has to be it.
  if (!std::ranges::any_of(records, [check](const Bytes& rdata) {
        return checks::parse_txt(rdata) == check->value;
      })) {
    co_return fail("acme.incorrect_response", "none of the " + std::to_string(records.size()) +
                                                  " TXT records of " + check->name +
                                                  " is what the challenge asks for");
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> ChallengeChecker::Core::prove_tls(const acme::TlsAlpnCheck* check,
                                                                Attempt* attempt) {
  I2_CO_TRY_VALUE(Addresses addresses, co_await resolve(check->name, config.tls_port, attempt));
  attempt->late = late_at(check->name);
  Connection connection(executor);
  if (auto connected = co_await connect(&connection, std::move(addresses)); !connected) {
    co_return fail(connected.error().in(check->name));
  }
  if (auto started = co_await connection.start_tls(check->name, acme::kTlsAlpn); !started) {
    co_return fail(started.error().in(check->name));
  }
  // RFC 8737 §3: only a server that agrees on the protocol knows of the challenge.
  if (connection.tls().protocol() != acme::kTlsAlpn) {
    co_return fail("acme.incorrect_response", check->name + " does not speak acme-tls/1");
  }
  const auto certificate = connection.tls().certificate();
  if (!certificate) {
    co_return fail("acme.incorrect_response", check->name + ": " + certificate.error().message());
  }
  co_return checks::judge_certificate(*certificate, *check);
}

asio::awaitable<Result<void>> ChallengeChecker::Core::permit(std::string_view name,
                                                             Attempt* attempt) {
  const bool wildcard = name.starts_with("*.");
  std::string_view node = wildcard ? name.substr(2) : name;
  I2_CO_TRY(co_await load_hosts(attempt));
  if (is_at_or_below(node, config.internal_zone) || attempt->hosts.contains(node)) {
    co_return Result<void>();
  }
  // RFC 8659 §3: the records of the first node that has some, from the name upwards.
  for (; !node.empty(); node = parent_of(node)) {
    I2_CO_TRY_VALUE(const std::vector<Bytes> records,
                    co_await lookup(std::string(node), DnsType::kCaa, attempt));
    if (!records.empty()) {
      co_return checks::judge_caa(node, records, wildcard, config.caa_identities);
    }
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> ChallengeChecker::Core::load_hosts(Attempt* attempt) {
  auto hosts = co_await rt::run_on(pool, [path = config.hosts_file] { return read_hosts(path); });
  if (!hosts) {
    co_return fail("acme.server_internal", hosts.error().message());
  }
  attempt->hosts = *std::move(hosts);
  co_return Result<void>();
}

asio::awaitable<Result<Addresses>> ChallengeChecker::Core::resolve(std::string name,
                                                                   std::uint16_t port,
                                                                   Attempt* attempt) {
  Addresses out;
  if (const auto found = attempt->hosts.find(name); found != attempt->hosts.end()) {
    out = found->second;
  } else {
    I2_CO_TRY_VALUE(const std::vector<Bytes> records,
                    co_await lookup(name, DnsType::kAaaa, attempt));
    for (const Bytes& rdata : records) {
      SocketAddress address;
      if (rdata.size() == address.ip.size()) {
        std::ranges::copy(rdata, address.ip.begin());
        out.push_back(address);
      }
    }
    if (out.empty()) {
      co_return fail("acme.dns", name + " has no IPv6 address (AAAA)");
    }
    std::erase_if(out, [](const auto& address) { return !checks::is_reachable_address(address); });
    if (out.empty()) {
      co_return fail("acme.connection",
                     name + " has only addresses that are neither global nor unique local");
    }
  }
  out.resize(std::min(out.size(), kAddressesTried));
  for (SocketAddress& address : out) {
    address.port = port;
  }
  co_return out;
}

asio::awaitable<Result<std::vector<Bytes>>> ChallengeChecker::Core::lookup(std::string name,
                                                                           DnsType type,
                                                                           Attempt* attempt) {
  attempt->late = Error("acme.dns", "the DNS server did not answer in time about " + name);
  return dns->lookup(std::move(name), type);
}

asio::awaitable<Result<void>> ChallengeChecker::Core::connect(Connection* connection,
                                                              Addresses addresses) {
  // The last one, too, leaves time for what follows.
  const auto each = std::chrono::nanoseconds(config.time_limit) / (addresses.size() + 1);
  return connection->connect(std::move(addresses), each);
}

Result<std::uint16_t> ChallengeChecker::Core::port_of(const Url& url) const {
  if (url.port == 80 || url.port == config.http_port) {
    return config.http_port;
  }
  if (url.port == 443 || url.port == config.tls_port) {
    return config.tls_port;
  }
  return fail("acme.connection", "port " + std::to_string(url.port) + " is not asked: only " +
                                     std::to_string(config.http_port) + " and " +
                                     std::to_string(config.tls_port) + " are");
}

Result<void> check_resolver(std::string_view server) {
  I2_TRY(checks::forwarders_of(server));
  return {};
}

Result<void> check_caa_identities(const std::vector<std::string>& identities) {
  for (const std::string& identity : identities) {
    if (!checks::is_issuer_domain(identity)) {
      return fail("acme.options_invalid", "'" + identity + "' is no domain that CAA records name");
    }
  }
  return {};
}

ChallengeChecker::ChallengeChecker(std::unique_ptr<Core> core) : core_(std::move(core)) {}
ChallengeChecker::~ChallengeChecker() = default;

Result<std::unique_ptr<ChallengeChecker>> ChallengeChecker::open(asio::any_io_executor executor,
                                                                 asio::any_io_executor pool,
                                                                 Config config) {
  I2_ASSERT(config.checks_max > 0);
  I2_TRY(check_caa_identities(config.caa_identities));
  config.internal_zone = checks::lower_case(config.internal_zone);
  if (!config.internal_zone.empty() && !checks::is_host_name(config.internal_zone)) {
    return fail("acme.options_invalid", "'" + config.internal_zone + "' is no zone");
  }
  I2_TRY(read_hosts(config.hosts_file));
  auto core = std::make_unique<Core>(std::move(executor), std::move(pool), std::move(config));
  I2_TRY_VALUE(core->dns, checks::DnsClient::open(core->executor, core->config.resolver));
  return std::unique_ptr<ChallengeChecker>(new ChallengeChecker(std::move(core)));
}

asio::awaitable<Result<void>> ChallengeChecker::check(acme::Validation validation) {
  Attempt attempt;
  co_return co_await core_->limited(core_->prove(&validation, &attempt), &attempt);
}

asio::awaitable<Result<void>> ChallengeChecker::check_caa(std::vector<std::string> names) {
  for (const std::string& name : names) {
    Attempt attempt;
    I2_CO_TRY(co_await core_->limited(core_->permit(name, &attempt), &attempt));
  }
  co_return Result<void>();
}

void ChallengeChecker::stop() {
  core_->stopped = true;
  core_->turns.close();
  core_->stopping.notify();
  core_->dns->stop();
}

}  // namespace i2::trustchain
