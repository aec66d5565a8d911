#include "dns_client.h"

#include <i2/rt/signal.h>
#include <unbound.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "names.h"

namespace i2::trustchain::checks {
namespace asio = boost::asio;

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr int kInternet = 1;   // the class
constexpr int kNameError = 3;  // RFC 1035 §4.1.1: NXDOMAIN

std::unexpected<Error> set_up_failure(int error) {
  return fail("acme.options_invalid",
              std::string("the DNS client could not be set up: ") + ub_strerror(error), error);
}

std::string_view name_of(DnsType type) {
  switch (type) {
    case DnsType::kTxt:
      return "TXT";
    case DnsType::kAaaa:
      return "AAAA";
    case DnsType::kCaa:
      return "CAA";
  }
  std::unreachable();
}

// libunbound's way to write an address: "address@port".
std::string forwarder_text(const SocketAddress& server) {
  const std::string text = server.to_string();
  return text.substr(1, text.find(']') - 1) + "@" + std::to_string(server.port);
}

}  // namespace

Result<std::vector<std::string>> forwarders_of(std::string_view server) {
  if (server.empty()) {
    std::ifstream file(kResolvConf);
    return parse_resolv_conf(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  const auto address = SocketAddress::parse(server, 53);
  if (!address) {
    return fail("acme.options_invalid", "the DNS server: " + address.error().message());
  }
  return std::vector{forwarder_text(*address)};
}

// In the frame of the coroutine that waits for it.
struct DnsClient::Query {
  explicit Query(DnsClient& client) : context(client.context_.get()), done(client.executor_) {}
  ~Query() {
    if (id != 0 && !ended) {
      ub_cancel(context, id);
    }
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  static void handle_answer(void* data, int error, ub_result* result) {
    auto& self = *static_cast<Query*>(data);
    self.ended = true;
    self.error = error;
    if (result != nullptr) {
      self.rcode = result->rcode;
      for (std::size_t i = 0; result->havedata != 0 && result->data[i] != nullptr; ++i) {
        self.records.push_back(
            to_bytes(as_bytes({result->data[i], static_cast<std::size_t>(result->len[i])})));
      }
      ub_resolve_free(result);
    }
    self.done.notify();
  }

  ub_ctx* context;
  rt::Signal done;
  int id = 0;
  bool ended = false;
  int error = 0;
  int rcode = 0;
  std::vector<Bytes> records{};
};

void DnsClient::ContextDelete::operator()(ub_ctx* context) const {
  ub_ctx_delete(context);
}

DnsClient::DnsClient(asio::any_io_executor executor)
    : executor_(std::move(executor)), answers_(executor_) {}

DnsClient::~DnsClient() {
  if (!*stopped_) {
    stop();
  }
}

Result<std::unique_ptr<DnsClient>> DnsClient::open(asio::any_io_executor executor,
                                                   std::string_view server) {
  I2_TRY_VALUE(const std::vector<std::string> servers, forwarders_of(server));
  std::unique_ptr<DnsClient> out(new DnsClient(std::move(executor)));
  if (!servers.empty()) {
    I2_TRY(out->set_up(servers));
  }
  return out;
}

Result<void> DnsClient::set_up(const std::vector<std::string>& servers) {
  context_.reset(ub_ctx_create());
  if (context_ == nullptr) {
    return set_up_failure(UB_NOMEM);
  }
  ub_ctx* const context = context_.get();
  ub_ctx_debugout(context, nullptr);  // it would write to standard error
  constexpr std::array<std::pair<const char*, const char*>, 4> kOptions{{
      {"do-ip4:", "no"},
      {"cache-max-ttl:", "0"},
      {"cache-max-negative-ttl:", "0"},
      {"infra-keep-probing:", "yes"},  // a server that was silent for a while is asked again
  }};
  for (const auto& [option, value] : kOptions) {
    if (const int error = ub_ctx_set_option(context, option, value); error != 0) {
      return set_up_failure(error);
    }
  }
  for (const std::string& server : servers) {
    if (const int error = ub_ctx_set_fwd(context, server.c_str()); error != 0) {
      return set_up_failure(error);
    }
  }
  if (const int error = ub_ctx_async(context, 1); error != 0) {
    return set_up_failure(error);
  }
  // libunbound answers for these itself, with NXDOMAIN, which is right on the Internet (RFC 6761,
  // RFC 8375) and wrong in a private network that has them.
  for (const char* zone : {"test.", "home.arpa."}) {
    if (const int error = ub_ctx_zone_remove(context, zone); error != 0) {
      return set_up_failure(error);
    }
  }
  const int descriptor = ::dup(ub_fd(context));  // libunbound closes its own
  if (descriptor < 0) {
    return fail(errno_error("acme.options_invalid", "the DNS client", errno));
  }
  answers_.assign(descriptor);
  wait_for_answers();
  return {};
}

void DnsClient::wait_for_answers() {
  answers_.async_wait(asio::posix::descriptor_base::wait_read,
                      [this, stopped = stopped_](const boost::system::error_code& error) {
                        if (error || *stopped) {
                          return;
                        }
                        ub_process(context_.get());
                        wait_for_answers();
                      });
}

void DnsClient::stop() {
  *stopped_ = true;
  boost::system::error_code ignored;
  (void)answers_.close(ignored);
}

asio::awaitable<Result<std::vector<Bytes>>> DnsClient::lookup(std::string name, DnsType type) {
  if (context_ == nullptr) {
    co_return fail("acme.dns", name + ": there is no DNS server to ask: " + kResolvConf +
                                   " names none with an IPv6 address");
  }
  const std::string what = std::string(name_of(type)) + " records of " + name;
  Query query(*this);
  if (const int error = ub_resolve_async(context_.get(), name.c_str(), static_cast<int>(type),
                                         kInternet, &query, Query::handle_answer, &query.id);
      error != 0) {
    co_return fail("acme.dns", what + ": " + ub_strerror(error), error);
  }
  while (!query.ended) {
    co_await query.done.wait();
  }
  if (query.error != 0) {
    co_return fail("acme.dns", what + ": " + ub_strerror(query.error), query.error);
  }
  if (query.rcode != 0 && query.rcode != kNameError) {
    co_return fail("acme.dns",
                   what + ": the DNS server failed (RCODE " + std::to_string(query.rcode) + ")",
                   query.rcode);
  }
  co_return std::move(query.records);
}

}  // namespace i2::trustchain::checks
