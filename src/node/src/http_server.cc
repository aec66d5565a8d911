#include "http_server.h"

#include <arpa/inet.h>
#include <i2/node/addresses.h>
#include <i2/trustchain/core/ordinary.h>

#include <array>

#include "acme.h"
#include "http_token.h"

namespace i2::node {
namespace {

std::string text_of(const crypto::IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET6, address.data(), text.data(), text.size()) == nullptr ? ""
                                                                                    : text.data();
}

// The client's P-256 leaf leads to the fleet's root and names somebody who still is a member.
bool is_member(const fleet::TrustStore& trust, const fleet::OrdinaryCertificates& ordinary,
               const gateway::Client& client, UnixMillis now) {
  const auto members = trust.members();
  std::vector<crypto::Certificate> chain = client.chain;
  const crypto::Certificate root = ordinary.root();
  if (!root || members->find(client.certificate.subject_common_name()) == nullptr) {
    return false;
  }
  chain.push_back(root);
  return trustchain::check_ordinary(client.certificate, chain, members->genesis().root_ecdsa, now)
      .has_value();
}

gateway::Role gateway_role(trustchain::AuthorityRole role) {
  return role == trustchain::AuthorityRole::kAdmin || role == trustchain::AuthorityRole::kOperator
             ? gateway::Role::kWriter
             : gateway::Role::kReader;
}

gateway::AccessConfig access_config(const HttpServer::Parts& parts) {
  gateway::AccessConfig out;
  out.open_loopback = parts.config.http.open_loopback;
  out.find_token = [tokens = &parts.tokens](const Hash256& hash) -> std::optional<gateway::Token> {
    const auto found = tokens->find(hash);
    return found ? std::optional(
                       gateway::Token{.name = found->name, .role = gateway_role(found->role)})
                 : std::nullopt;
  };
  out.is_member = [trust = &parts.trust, ordinary = &parts.ordinary,
                   clock = &parts.clock](const gateway::Client& client) {
    return is_member(*trust, *ordinary, client, clock->unix_now());
  };
  for (auto& name :
       trustchain::own_dns_names(parts.trust.name(), parts.trust.members()->genesis().fleet_name)) {
    out.hosts.insert(std::move(name));
  }
  if (parts.acme != nullptr) {
    out.hosts.insert(parts.acme->host());
  }
  const auto names = reachable_names(parts.config.http, parts.transport.local_address());
  out.hosts.insert(names.dns.begin(), names.dns.end());
  for (const crypto::IpAddress& address : names.addresses) {
    out.hosts.insert(text_of(address));
  }
  return out;
}

gateway::GatewayConfig gateway_config(const HttpServer::Parts& parts) {
  const HttpConfig& http = parts.config.http;
  gateway::GatewayConfig out;
  out.bind = http.bind.value_or(gateway::GatewayConfig::loopback());
  out.bind.port = http.port;
  // Who lets the kernel choose the QUIC port has no wish about this one.
  out.any_port = http.port == 0 && parts.config.bind.port == 0;
  out.remote_http3 = !out.bind.is_loopback();
  out.ask_clients_for_certificates = http.ask_clients_for_certificates;
  out.access = access_config(parts);
  out.limits.tcp_connections_max = http.connections_max;
  out.limits.http3_connections_max = http.connections_max;
  return out;
}

gateway::Handler fixed(std::string body) {
  return [body = std::move(body)](const gateway::Request&) -> Task<gateway::Response> {
    return [](std::string text) -> Task<gateway::Response> {
      co_return gateway::json_response(std::move(text));
    }(body);
  };
}

}  // namespace

fleet::OrdinaryCertificates::Names reachable_names(const HttpConfig& config,
                                                   const stoq::SocketAddress& bound) {
  fleet::OrdinaryCertificates::Names out{.dns = config.names, .addresses = {}};
  const std::size_t addresses_max = trustchain::info(trustchain::Profile::kOrdinary).addresses_max;
  const auto add = [&out, addresses_max](const stoq::SocketAddress& socket) {
    if (out.addresses.size() + 1 < addresses_max && !socket.is_loopback()) {
      out.addresses.push_back(socket.ip);
    }
  };
  for (const auto& address : reachable_addresses(bound)) {
    add(address);
  }
  return out;
}

HttpServer::HttpServer(const Parts& parts)
    : resources_({.trust = parts.trust,
                  .transport = parts.transport,
                  .peers = parts.peers,
                  .layers = parts.layers,
                  .collector = parts.collector,
                  .clock = parts.clock,
                  .gateway_stats =
                      [this] {
                        return gateway_ == nullptr ? gateway::GatewayStats{} : gateway_->stats();
                      }}),
      ca_({.calls = parts.authority,
           .trust = parts.trust,
           .ordinary = parts.ordinary,
           .tokens = parts.tokens,
           .open_loopback = parts.config.http.open_loopback,
           .clock = parts.clock}) {
  if (parts.log != nullptr) {
    log_.emplace(LogResources::Parts{
        .log = parts.log->log(),
        .runtime = parts.runtime,
        .cosigners = parts.cosigners,
        .shown = [log = parts.log]() -> trustchain::CtLog& { return log->shown(); }});
  }
  if (parts.witness != nullptr) {
    witness_.emplace(WitnessResources::Parts{
        .witness = *parts.witness, .runtime = parts.runtime, .clock = parts.clock});
  }
  if (parts.acme != nullptr) {
    acme_.emplace(parts.acme->service());
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const Parts& parts) {
  I2_TRY_VALUE(const Hash256 token,
               load_token(parts.config.data_dir / "gateway" / "token", parts.rng));
  parts.tokens.set_own(token);
  std::unique_ptr<HttpServer> out(new HttpServer(parts));
  gateway::Router router;
  out->resources_.attach(router);
  out->ca_.attach(router);
  if (out->log_) {
    out->log_->attach(router);
  }
  if (out->acme_) {
    out->acme_->attach(router);
  }
  if (out->witness_) {
    out->witness_->attach(router);
  }
  gateway::Router described = router;
  const gateway::Route document{.pattern = "/openapi.json",
                                .role = gateway::Role::kAnyone,
                                .summary = "This description (OpenAPI 3.1)",
                                .handler = fixed({})};
  described.add(document);
  gateway::Route served = document;
  served.handler = fixed(openapi(described, {.title = "internet2-server", .version = I2_VERSION}));
  router.add(std::move(served));
  I2_TRY_VALUE(out->gateway_,
               gateway::Gateway::create(gateway_config(parts), {.runtime = parts.runtime,
                                                                .transport = parts.transport,
                                                                .certificates = parts.certificates,
                                                                .router = std::move(router)}));
  out->gateway_->start();
  return out;
}

Task<bool> HttpServer::shut_down(Duration at_most) {
  resources_.stop();
  return gateway_->shut_down(at_most);
}

}  // namespace i2::node
