#include "ca_resources.h"

#include <i2/gateway/problem.h>
#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <nlohmann/json.hpp>

#include "verbs_json.h"

namespace i2::node {

using gateway::Answer;
using gateway::json_response;
using gateway::Method;
using gateway::problem;
using gateway::Role;
using nlohmann::json;

namespace {

constexpr std::string_view kBinary = R"({"type":"string","format":"binary"})";
constexpr std::string_view kWishSchema =
    R"({"type":"object","required":["csr"],"properties":{"common_name":{"type":"string"},)"
    R"("san_entries":{"type":"array","items":{"type":"string"}},"node_id":{"type":"string"},)"
    R"("ipv6_addresses":{"type":"array","items":{"type":"string"}},"csr":{"type":"string"}}})";
constexpr std::string_view kLimitSchema = R"({"type":"integer","minimum":1,"maximum":500})";
constexpr std::string_view kNumberSchema = R"({"type":"integer","minimum":0})";
constexpr std::uint64_t kCaPageMax = 500;
constexpr std::string_view kReasonSchema =
    R"({"type":"object","properties":{"reason":{"type":"string"}}})";

gateway::Response ca_answer(const Result<json>& result, int status = 200) {
  return result ? json_response(to_line(*result), status) : problem(result.error());
}

gateway::Response der_response(std::string_view bytes, std::string_view media_type) {
  return gateway::text_response(std::string(bytes), media_type);
}

Error body_malformed(std::string message) {
  return Error("gateway.request_malformed", std::move(message));
}

Result<json> body_object(const std::string& body) {
  json out = body.empty() ? json::object() : json::parse(body, nullptr, false);
  if (!out.is_object()) {
    return fail(body_malformed("the body is a JSON object"));
  }
  return out;
}

Result<std::string> member_text(const json& object, std::string_view key) {
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) {
    return std::string();
  }
  if (!at->is_string()) {
    return fail(body_malformed("'" + std::string(key) + "' is a text"));
  }
  return at->get<std::string>();
}

Result<std::vector<std::string>> member_texts(const json& object, std::string_view key) {
  std::vector<std::string> out;
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) {
    return out;
  }
  for (const json& one : *at) {
    if (!at->is_array() || !one.is_string()) {
      return fail(body_malformed("'" + std::string(key) + "' is a list of texts"));
    }
    out.push_back(one.get<std::string>());
  }
  return out;
}

Result<AuthorityCalls::Wish> wish_of(const std::string& body) {
  I2_TRY_VALUE(const json object, body_object(body));
  AuthorityCalls::Wish out;
  I2_TRY_VALUE(const std::string csr, member_text(object, "csr"));
  I2_TRY_VALUE(out.request, crypto::CertificateRequest::from_pem(csr));
  I2_TRY_VALUE(out.common_name, member_text(object, "common_name"));
  I2_TRY_VALUE(out.names, member_texts(object, "san_entries"));
  I2_TRY_VALUE(out.addresses, member_texts(object, "ipv6_addresses"));
  return out;
}

// Of the query; `otherwise` when it is not there. None: it is no number from `least` on.
std::optional<std::uint64_t> query_number(const gateway::Request& request, std::string_view name,
                                          std::uint64_t otherwise, std::uint64_t least,
                                          std::uint64_t most) {
  const auto text = request.query_value(name);
  if (!text) {
    return otherwise;
  }
  const auto number = wire::from_decimal(*text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

json standing(const crypto::Certificate& certificate, const Result<void>& held) {
  return {{"valid", held.has_value()},
          {"subject", certificate.subject_common_name()},
          {"serial_number", to_hex(certificate.serial())},
          {"expires_at", format_time(certificate.not_after())},
          {"error", held ? json() : json(held.error().to_string())}};
}

}  // namespace

void CaResources::attach(gateway::Router& router) {
  attach_certificates(router);
  attach_status(router);
}

void CaResources::attach_certificates(gateway::Router& router) {
  router.add(
      {.method = Method::kPost,
       .pattern = "/ca/certificate",
       .summary = "Issue a server's certificate for a certificate request, or a member's own",
       .tag = "trust",
       .request_schema = kWishSchema,
       .answers = {Answer{.status = 201, .meaning = "the certificate"}},
       .handler = [this](Request request) { return issue(std::move(request)); }});
  router.add({.pattern = "/ca/certificates",
              .summary = "What this authority issued, by time",
              .tag = "trust",
              .query = {{.name = "name", .meaning = "with this name"},
                        {.name = "requester", .meaning = "for this requester"},
                        {.name = "limit", .meaning = "at most so many", .schema = kLimitSchema},
                        {.name = "after", .meaning = "`next` of the page before"}},
              .handler = [this](Request request) { return list(std::move(request)); }});
  router.add({.pattern = "/ca/audit",
              .summary = "Who decided what",
              .tag = "trust",
              .query = {{.name = "from", .meaning = "from this number on", .schema = kNumberSchema},
                        {.name = "limit", .meaning = "at most so many", .schema = kLimitSchema},
                        {.name = "actor", .meaning = "by this one"},
                        {.name = "action", .meaning = "of this kind"},
                        {.name = "since",
                         .meaning = "not before this time, in ms since 1970",
                         .schema = kNumberSchema}},
              .handler = [this](Request request) { return audit(std::move(request)); }});
  router.add({.pattern = "/ca/certificate/{serial}",
              .summary = "A certificate that was issued, here or elsewhere in the fleet",
              .tag = "trust",
              .handler = [this](Request request) { return show(std::move(request)); }});
  router.add({.method = Method::kPost,
              .pattern = "/ca/certificate/{serial}/revoke",
              .summary = "Take a certificate back, with a reason of RFC 5280",
              .tag = "trust",
              .request_schema = kReasonSchema,
              .handler = [this](Request request) { return revoke(std::move(request)); }});
  router.add({.pattern = "/test-cert-validation",
              .summary = "Whether the node's own certificates hold",
              .tag = "trust",
              .handler = [this](Request request) { return validation(std::move(request)); }});
}

void CaResources::attach_status(gateway::Router& router) {
  const auto add = [&](std::string_view pattern, std::string_view summary, std::string_view media,
                       Task<Response> (CaResources::*handler)(Request)) {
    router.add({.pattern = pattern,
                .role = Role::kAnyone,
                .summary = summary,
                .tag = "trust",
                .answers = {Answer{.media_type = media, .schema = kBinary}},
                .handler = [this, handler](Request request) {
                  return (this->*handler)(std::move(request));
                }});
  };
  add("/ca/root", "The P-256 root certificate that ordinary clients have to trust",
      "application/x-pem-file", &CaResources::root);
  add("/ca/issuer", "The certificate that issues now (DER)", "application/pkix-cert",
      &CaResources::issuer);
  add("/ca/issuer/{issuer}", "The certificate of an issuer, also a former one (DER)",
      "application/pkix-cert", &CaResources::issuer);
  add("/ca/crl", "Every revoked certificate of the issuer (RFC 5280)", "application/pkix-crl",
      &CaResources::crl);
  add("/ca/crl/{issuer}/{shard}", "One list, as certificates name it", "application/pkix-crl",
      &CaResources::crl);
  add("/ca/ocsp/{request}", "The status of certificates (RFC 6960 appendix A)",
      "application/ocsp-response", &CaResources::ocsp);
  router.add({.method = Method::kPost,
              .pattern = "/ca/ocsp",
              .role = Role::kAnyone,
              .summary = "The status of certificates (RFC 6960)",
              .tag = "trust",
              .answers = {Answer{.media_type = "application/ocsp-response", .schema = kBinary}},
              .handler = [this](Request request) { return ocsp(std::move(request)); }});
}

Task<gateway::Response> CaResources::issue(Request request) {
  auto wish = wish_of(request.body);
  if (!wish) {
    co_return problem(wish.error());
  }
  co_return ca_answer(co_await parts_.calls.issue(*std::move(wish), caller_of(request)), 201);
}

// A token counts before a certificate, and that before the place that a request comes from.
AuthorityCalls::Caller CaResources::caller_of(const Request& request) const {
  using trustchain::AuthorityRole;
  if (!request.token.empty()) {
    const auto token = parts_.tokens.find(std::string_view(request.token));
    return {.actor = "token " + request.token,
            .role = token ? token->role : AuthorityRole::kGuest};  // it has just been removed
  }
  if (request.from_member) {
    std::string member = request.client.certificate.subject_common_name();
    return {.actor = member, .role = AuthorityRole::kNode, .member = member};
  }
  const bool open =
      parts_.open_loopback && request.client.encrypted && request.client.address.is_loopback();
  const std::string address = request.client.address.to_string();
  return {.actor = "http " + address.substr(0, address.rfind(':')),
          .role = open ? AuthorityRole::kOperator : AuthorityRole::kGuest};
}

Task<gateway::Response> CaResources::show(Request request) {
  co_return ca_answer(
      co_await parts_.calls.show(std::string(request.parameter("serial")), caller_of(request)));
}

Task<gateway::Response> CaResources::list(Request request) {
  const auto limit = query_number(request, "limit", 100, 1, kCaPageMax);
  if (!limit) {
    co_return problem(Error("gateway.request_malformed", "limit is a number from 1 to 500"));
  }
  const auto text = [&request](std::string_view name) {
    return std::string(request.query_value(name).value_or(""));
  };
  co_return ca_answer(co_await parts_.calls.list(text("name"), text("requester"), *limit,
                                                 text("after"), caller_of(request)));
}

Task<gateway::Response> CaResources::audit(Request request) {
  const auto limit = query_number(request, "limit", 100, 1, kCaPageMax);
  const auto from = query_number(request, "from", 1, 1, UINT64_MAX);
  const auto since = query_number(request, "since", 0, 0, UINT64_MAX);
  if (!limit || !from || !since) {
    co_return problem(
        Error("gateway.request_malformed",
              "limit is a number from 1 to 500, from and since are numbers from 1 and 0 on"));
  }
  AuthorityCalls::AuditQuery query{
      .from = *from,
      .limit = *limit,
      .actor = std::string(request.query_value("actor").value_or("")),
      .action = std::string(request.query_value("action").value_or("")),
      .since = *since};
  co_return ca_answer(co_await parts_.calls.audit(std::move(query), caller_of(request)));
}

Task<gateway::Response> CaResources::revoke(Request request) {
  const auto object = body_object(request.body);
  if (!object) {
    co_return problem(object.error());
  }
  auto reason = member_text(*object, "reason");
  if (!reason) {
    co_return problem(reason.error());
  }
  co_return ca_answer(co_await parts_.calls.revoke(std::string(request.parameter("serial")),
                                                   reason->empty() ? "unspecified" : *reason,
                                                   caller_of(request)));
}

Task<gateway::Response> CaResources::root(Request) {
  const crypto::Certificate certificate = parts_.ordinary.root();
  if (!certificate) {
    co_return problem(Error("gateway.no_certificate",
                            "this node has not got the root certificate of its fleet yet"),
                      503);
  }
  co_return gateway::text_response(certificate.pem(), "application/x-pem-file");
}

trustchain::SignerPtr CaResources::signer_of(const Request& request) const {
  Authority* const authority = parts_.calls.authority();
  if (authority == nullptr) {
    return nullptr;
  }
  const std::string_view id = request.parameter("issuer");
  return id.empty() ? authority->issuers().current(trustchain::IssuerKind::kOrdinary,
                                                   parts_.clock.unix_now())
                    : authority->issuers().find_id(id);
}

Task<gateway::Response> CaResources::issuer(Request request) {
  const trustchain::SignerPtr signer = signer_of(request);
  if (signer == nullptr) {
    co_return problem(Error("gateway.not_found", "this node has no such issuer"));
  }
  co_return der_response(as_text(signer->issuer.certificate.der()), "application/pkix-cert");
}

Task<gateway::Response> CaResources::crl(Request request) {
  const trustchain::SignerPtr signer = signer_of(request);
  std::optional<std::uint8_t> shard;
  if (const std::string_view text = request.parameter("shard"); !text.empty()) {
    const auto number = wire::from_decimal(text);
    shard = static_cast<std::uint8_t>(number.value_or(trustchain::kCrlShards));
  }
  if (signer == nullptr || shard.value_or(0) >= trustchain::kCrlShards) {
    co_return problem(Error("gateway.not_found", "this node has no such list"));
  }
  const auto make = [this, &signer, shard] {
    return parts_.calls.authority()->revocations().crl(*signer, shard);
  };
  const auto list = co_await rt::run_on(parts_.calls.runtime().pool(), make);
  if (!list) {
    co_return problem(list.error());
  }
  co_return der_response(as_text(**list), "application/pkix-crl");
}

Task<gateway::Response> CaResources::ocsp(Request request) {
  Authority* const authority = parts_.calls.authority();
  if (authority == nullptr) {
    co_return problem(no_authority());
  }
  Bytes asked = to_bytes(as_bytes(request.body));
  if (request.method != Method::kPost) {
    asked = wire::from_base64(request.parameter("request")).value_or(Bytes());
  }
  const auto make = [authority, &asked] { return authority->revocations().ocsp(asked); };
  const Bytes made = co_await rt::run_on(parts_.calls.runtime().pool(), make);
  co_return der_response(as_text(made), "application/ocsp-response");
}

Task<gateway::Response> CaResources::validation(Request) {
  const UnixMillis now = parts_.clock.unix_now();
  const crypto::Certificate leaf = parts_.trust.current()->certificate;
  const auto node_held =
      parts_.trust.check_leaf(leaf, now).and_then([](ports::LeafStanding found) -> Result<void> {
        switch (found) {
          case ports::LeafStanding::kExpired:
            return fail("trust.leaf_expired", "the certificate has expired");
          case ports::LeafStanding::kUnlogged:
            return fail("trust.sct_missing", "the certificate is not in the fleet's log");
          default:
            return {};
        }
      });
  json out{{"valid", node_held.has_value()}, {"node", standing(leaf, node_held)}};
  if (const auto shown = parts_.ordinary.current(); shown != nullptr) {
    auto chain = shown->chain;
    chain.push_back(parts_.ordinary.root());
    const auto held =
        trustchain::check_ordinary(shown->certificate, chain, chain.back().public_key(), now);
    out["ordinary"] = standing(shown->certificate, held);
    out["valid"] = node_held && held;
  }
  co_return json_response(to_line(out));
}

}  // namespace i2::node
