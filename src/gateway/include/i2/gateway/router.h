// The table of routes: what is served, to whom, and how it is documented.
//
//   Router router;
//   router.add({.method = Method::kGet,
//               .pattern = "/api/v1/members/{name}",
//               .role = Role::kReader,
//               .summary = "One member",
//               .answers = {{.schema = R"({"type":"object"})"}},
//               .handler = [](Request request) -> Task<Response> { ... }});
//
// Threads: add() before the router is used; after that it is immutable. Handlers run on the
// executor that the gateway is given for them.
#pragma once

#include <i2/base/error.h>
#include <i2/gateway/http.h>
#include <i2/gateway/target.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace i2::gateway {

// What somebody may do; each includes the ones before it.
enum class Role : std::uint8_t {
  kAnyone,
  kReader,  // on this machine, or a member's certificate, or a token
  kWriter,  // a token
};
[[nodiscard]] std::string_view name_of(Role role);

using Handler = std::function<Task<Response>(Request)>;

struct Parameter {  // of the query; those of the path are in the pattern
  std::string_view name;
  std::string_view meaning;
  std::string_view schema = R"({"type":"string"})";  // JSON Schema
};

struct Answer {
  int status = 200;
  std::string_view meaning = "the answer";
  std::string_view media_type = "application/json";
  std::string_view schema = R"({"type":"object"})";  // JSON Schema
};

// The views have static lifetime.
struct Route {
  Method method = Method::kGet;
  std::string_view pattern;  // "/a/{b}": a name in braces stands for one segment
  Role role = Role::kReader;
  std::string_view summary;
  std::string_view tag = "node";
  std::vector<Parameter> query{};
  std::string_view request_schema{};  // of a JSON body; empty: no body
  std::vector<Answer> answers{Answer{}};
  Handler handler;
};

class Router {
 public:
  // Asserts a pattern that parse_target() accepts and that is not there yet.
  void add(Route route);

  struct Match {
    const Route* route = nullptr;
    std::vector<std::pair<std::string, std::string>> captured;
  };
  // HEAD finds GET. Errors: gateway.not_found, gateway.method_unknown (allowed() says which).
  [[nodiscard]] Result<Match> find(Method method, const Target& target) const;
  // The Allow header of a path (RFC 9110 §10.2.1): "GET, HEAD".
  [[nodiscard]] std::string allowed(const Target& target) const;
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // segments, as routes_
};

struct ApiInfo {
  std::string title;
  std::string version;
};
// An OpenAPI 3.1 document of the table (JSON).
[[nodiscard]] std::string openapi(const Router& router, const ApiInfo& info);

}  // namespace i2::gateway
