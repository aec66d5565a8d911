#include "acme_resources.h"

#include <array>

#include "acme.h"
#include "await_answer.h"
#include "config/acme_values.h"

namespace i2::node {
namespace {

using gateway::Answer;
using gateway::Method;

struct AcmeRoute {
  Method method;
  std::string_view pattern;
  std::string_view summary;
};

constexpr std::array<AcmeRoute, 17> kAcmeRoutes{{
    {Method::kGet, "/acme/directory", "Where everything of ACME is (RFC 8555 section 7.1.1)"},
    {Method::kGet, "/acme/new-nonce", "A nonce for a request (7.2)"},
    {Method::kGet, "/acme/renewal-info/{certificate}", "When to renew (RFC 9773 section 4)"},
    {Method::kPost, "/acme/directory", "The same, signed (6.3)"},
    {Method::kPost, "/acme/new-nonce", "The same, signed (6.3)"},
    {Method::kPost, "/acme/renewal-info/{certificate}", "The same, signed (6.3)"},
    {Method::kPost, "/acme/new-account", "Make or find an account (7.3)"},
    {Method::kPost, "/acme/account/{account}", "Read, change or deactivate an account (7.3)"},
    {Method::kPost, "/acme/account/{account}/orders", "Orders of an account (7.1.2.1)"},
    {Method::kPost, "/acme/key-change", "Another key for an account (7.3.5)"},
    {Method::kPost, "/acme/new-order", "Order a certificate (7.4)"},
    {Method::kPost, "/acme/order/{order}", "Read an order (7.1.3)"},
    {Method::kPost, "/acme/order/{order}/finalize", "Send the certificate request (7.4)"},
    {Method::kPost, "/acme/certificate/{order}", "Download the certificate (7.4.2)"},
    {Method::kPost, "/acme/authorization/{authorization}", "Read or deactivate one (7.5)"},
    {Method::kPost, "/acme/challenge/{authorization}/{type}", "Answer a challenge (7.5.1)"},
    {Method::kPost, "/acme/revoke-cert", "Take a certificate back (7.6)"},
}};

}  // namespace

void AcmeResources::attach(gateway::Router& router) {
  for (const AcmeRoute& route : kAcmeRoutes) {
    // Requests say themselves who sent them.
    router.add({.method = route.method,
                .pattern = route.pattern,
                .role = gateway::Role::kAnyone,
                .summary = route.summary,
                .tag = "acme",
                .handler = [this](gateway::Request request) { return serve(std::move(request)); }});
  }
}

Task<gateway::Response> AcmeResources::serve(gateway::Request request) {
  trustchain::AcmeService::Request asked{
      .method = std::move(request.method_text),
      .target = request.target.starts_with(kAcmePath) ? request.target.substr(kAcmePath.size())
                                                      : std::string(),
      .content_type = std::string(request.headers.find("content-type").value_or("")),
      .body = std::move(request.body)};
  const auto start = [this, &asked](const std::function<void(trustchain::acme::Response)>& done) {
    service_.handle(std::move(asked), done);
  };
  auto made = co_await answer_of<trustchain::acme::Response>(start);
  gateway::Response out{.status = made.status, .headers = {}, .body = std::move(made.body)};
  if (!made.content_type.empty()) {
    out.headers.add("content-type", std::move(made.content_type));
  }
  for (auto& [name, value] : made.headers) {
    out.headers.add(name, std::move(value));
  }
  co_return out;
}

}  // namespace i2::node
