// The route table as an OpenAPI 3.1 document.
#include <i2/base/assert.h>
#include <i2/gateway/problem.h>
#include <i2/gateway/router.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace i2::gateway {
namespace {

using nlohmann::json;

json schema_of(std::string_view text) {
  json out = json::parse(text, nullptr, false);
  I2_ASSERT(!out.is_discarded());
  return out;
}

json parameters_of(const Route& route) {
  json out = json::array();
  for (std::size_t at = route.pattern.find('{'); at != route.pattern.npos;
       at = route.pattern.find('{', at + 1)) {
    const std::size_t end = route.pattern.find('}', at);
    out.push_back({{"name", route.pattern.substr(at + 1, end - at - 1)},
                   {"in", "path"},
                   {"required", true},
                   {"schema", {{"type", "string"}}}});
  }
  for (const Parameter& parameter : route.query) {
    out.push_back({{"name", parameter.name},
                   {"in", "query"},
                   {"description", parameter.meaning},
                   {"schema", schema_of(parameter.schema)}});
  }
  return out;
}

json responses_of(const Route& route) {
  json out = json::object();
  for (const Answer& answer : route.answers) {
    json& response = out[std::to_string(answer.status)];
    response["description"] = answer.meaning;
    response["content"][std::string(answer.media_type)]["schema"] = schema_of(answer.schema);
  }
  out["default"] = {{"$ref", "#/components/responses/Problem"}};
  return out;
}

// "getApiV1Members": unique because method and pattern are.
std::string operation_id(const Route& route) {
  std::string out(name_of(route.method));
  std::ranges::transform(out, out.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  bool word = true;
  for (const char c : route.pattern) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      out += word && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    word = !letter;
  }
  return out;
}

json operation_of(const Route& route) {
  json out{{"operationId", operation_id(route)},
           {"summary", route.summary},
           {"tags", json::array({route.tag})},
           {"x-role", name_of(route.role)},
           {"responses", responses_of(route)}};
  if (json parameters = parameters_of(route); !parameters.empty()) {
    out["parameters"] = std::move(parameters);
  }
  if (!route.request_schema.empty()) {
    out["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", schema_of(route.request_schema)}}}}}};
  }
  if (route.role == Role::kAnyone) {
    out["security"] = json::array();
  }
  return out;
}

json components() {
  return {{"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}},
          {"schemas",
           {{"Problem",
             {{"type", "object"},
              {"description", "RFC 9457; `code` is one of docs/errors.md"},
              {"required", {"type", "title", "status", "detail", "code"}},
              {"properties",
               {{"type", {{"type", "string"}, {"format", "uri"}}},
                {"title", {{"type", "string"}}},
                {"status", {{"type", "integer"}}},
                {"detail", {{"type", "string"}}},
                {"code", {{"type", "string"}}}}}}}}},
          {"responses",
           {{"Problem",
             {{"description", "what is wrong"},
              {"content",
               {{"application/problem+json",
                 {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}}}}}};
}

}  // namespace

std::string openapi(const Router& router, const ApiInfo& info) {
  json paths = json::object();
  for (const Route& route : router.routes()) {
    std::string method(name_of(route.method));
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 0x20); });
    paths[std::string(route.pattern)][method] = operation_of(route);
  }
  const json document{{"openapi", "3.1.0"},
                      {"info", {{"title", info.title}, {"version", info.version}}},
                      {"security", json::array({{{"token", json::array()}}})},
                      {"paths", std::move(paths)},
                      {"components", components()}};
  return document.dump();
}

}  // namespace i2::gateway
