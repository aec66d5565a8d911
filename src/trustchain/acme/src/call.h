// One request on its way through the server.
#pragma once

#include <i2/trustchain/acme/jws.h>
#include <i2/trustchain/acme/server.h>

#include <chrono>
#include <format>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "json.h"
#include "store.h"

namespace i2::trustchain::acme {

enum class Resource : std::uint8_t {
  kUnknown,
  kDirectory,
  kNewNonce,
  kNewAccount,
  kNewOrder,
  kRevokeCertificate,
  kKeyChange,
  kRenewalInfo,
  kAccount,
  kAccountOrders,
  kOrder,
  kFinalize,
  kCertificate,
  kAuthorization,
  kChallenge,
};

struct Server::Call {
  const Request& request;
  UnixMillis now;
  Resource resource = Resource::kUnknown;
  std::string_view id{};     // of the path: account, order, authorization, certificate
  std::string_view tail{};   // of the path: the challenge's type
  std::string_view query{};  // "cursor=..."

  // Of a POST, once it has been authenticated.
  Jws jws{};
  AccountRow* account = nullptr;                    // null: signed with `jws.key`
  std::unique_ptr<const nlohmann::json> payload{};  // none: POST-as-GET (RFC 8555 §6.3)
  [[nodiscard]] bool is_post_as_get() const { return !payload; }
};

inline Response json_response(const nlohmann::json& body, int status = 200) {
  return {.status = status, .content_type = "application/json", .body = to_text(body)};
}

inline void add_link(Response& response, std::string_view url, std::string_view relation) {
  response.headers.emplace_back("link",
                                "<" + std::string(url) + ">;rel=\"" + std::string(relation) + "\"");
}

// RFC 3339, whole seconds.
inline std::string time_text(UnixMillis time) {
  const std::chrono::sys_seconds seconds{std::chrono::seconds(time / 1000)};
  return std::format("{:%FT%TZ}", seconds);
}

}  // namespace i2::trustchain::acme
