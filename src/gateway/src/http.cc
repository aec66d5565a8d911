#include <i2/gateway/http.h>

#include <algorithm>
#include <array>
#include <utility>

namespace i2::gateway {
namespace {

constexpr std::array<std::pair<Method, std::string_view>, 7> kMethods{{
    {Method::kGet, "GET"},
    {Method::kHead, "HEAD"},
    {Method::kPost, "POST"},
    {Method::kPut, "PUT"},
    {Method::kPatch, "PATCH"},
    {Method::kDelete, "DELETE"},
    {Method::kOptions, "OPTIONS"},
}};

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace

Method parse_method(std::string_view text) {
  const auto* const found =
      std::ranges::find(kMethods, text, [](const auto& m) { return m.second; });
  return found == kMethods.end() ? Method::kOther : found->first;
}

std::string_view name_of(Method method) {
  const auto* const found =
      std::ranges::find(kMethods, method, [](const auto& m) { return m.first; });
  return found == kMethods.end() ? "OTHER" : found->second;
}

std::string_view name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHttp1:
      return "HTTP/1.1";
    case Protocol::kHttp2:
      return "HTTP/2";
    case Protocol::kHttp3:
      return "HTTP/3";
  }
  std::unreachable();
}

void Headers::add(std::string_view name, std::string value) {
  all_.push_back({lowered(name), std::move(value)});
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, &Header::name);
  return found == all_.end() ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count(all_, name, &Header::name));
}

namespace {

std::optional<std::string_view> value_of(
    const std::vector<std::pair<std::string, std::string>>& pairs, std::string_view name) {
  const auto found = std::ranges::find(pairs, name, [](const auto& pair) { return pair.first; });
  return found == pairs.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

}  // namespace

std::string_view Request::parameter(std::string_view name) const {
  return value_of(captured, name).value_or(std::string_view{});
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  return value_of(query, name);
}

Response json_response(std::string body, int status) {
  Response out{.status = status, .headers = {}, .body = std::move(body)};
  out.headers.add("content-type", "application/json");
  return out;
}

Response text_response(std::string body, std::string_view media_type) {
  Response out{.status = 200, .headers = {}, .body = std::move(body)};
  out.headers.add("content-type", std::string(media_type));
  return out;
}

}  // namespace i2::gateway
