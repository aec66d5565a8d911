#include <i2/gateway/problem.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace i2::gateway {
namespace {

struct Status {
  int number;
  std::string_view phrase;
};
constexpr std::array<Status, 19> kStatuses{{
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
}};

constexpr auto kOfCode = std::to_array<std::pair<std::string_view, int>>({
    {"gateway.target_invalid", 400},    {"gateway.host_invalid", 400},
    {"gateway.request_malformed", 400}, {"gateway.forwarded", 400},
    {"gateway.token_invalid", 401},     {"gateway.credentials_missing", 401},
    {"gateway.role_insufficient", 403}, {"gateway.origin_refused", 403},
    {"gateway.not_found", 404},         {"gateway.method_unknown", 405},
    {"gateway.not_acceptable", 406},    {"gateway.body_too_large", 413},
    {"gateway.host_refused", 421},      {"gateway.headers_too_large", 431},
    {"gateway.overloaded", 503},        {"admin.argument", 400},
    {"crypto.request_malformed", 400},  {"stoq.address_malformed", 400},
    {"stoq.ipv4_refused", 400},         {"trust.request_algorithm", 400},
    {"trust.request_extension", 400},   {"trust.request_life", 400},
    {"trust.request_possession", 400},  {"trust.request_name", 403},
    {"trust.certificate_unknown", 404}, {"trust.already_revoked", 409},
    {"trust.rate_limited", 429},        {"trust.authority_stopped", 503},
    {"trust.no_issuer", 503},           {"trust.overloaded", 503},
});

}  // namespace

std::string_view reason_phrase(int status) {
  const auto* const found = std::ranges::find(kStatuses, status, &Status::number);
  return found == kStatuses.end() ? std::string_view{} : found->phrase;
}

int status_of(const Error& error) {
  const auto* const found =
      std::ranges::find(kOfCode, error.code(), [](const auto& pair) { return pair.first; });
  return found == kOfCode.end() ? 500 : found->second;
}

Response problem(const Error& error, int status) {
  const nlohmann::json body{{"type", "urn:i2:error:" + error.code()},
                            {"title", reason_phrase(status)},
                            {"status", status},
                            {"detail", error.message()},
                            {"code", error.code()}};
  Response out{.status = status,
               .headers = {},
               .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  out.headers.add("content-type", "application/problem+json");
  if (status == 401) {
    out.headers.add("www-authenticate", "Bearer realm=\"i2\"");  // RFC 9110 §15.5.2
  }
  return out;
}

Response problem(const Error& error) {
  return problem(error, status_of(error));
}

}  // namespace i2::gateway
