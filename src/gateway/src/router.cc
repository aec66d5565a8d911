#include <i2/base/assert.h>
#include <i2/gateway/router.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace i2::gateway {
namespace {

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

using Captured = std::vector<std::pair<std::string, std::string>>;

std::optional<Captured> match(const std::vector<std::string>& pattern, const Target& target) {
  if (pattern.size() != target.segments.size()) {
    return std::nullopt;
  }
  Captured out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string& wanted = pattern[i];
    if (is_parameter(wanted)) {
      out.emplace_back(wanted.substr(1, wanted.size() - 2), target.segments[i]);
    } else if (wanted != target.segments[i]) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kAnyone:
      return "anyone";
    case Role::kReader:
      return "reader";
    case Role::kWriter:
      return "writer";
  }
  std::unreachable();
}

void Router::add(Route route) {
  auto target = parse_target(route.pattern);
  I2_ASSERT(target && target->query.empty() && route.handler);
  I2_ASSERT(std::ranges::none_of(routes_, [&](const Route& other) {
    return other.pattern == route.pattern && other.method == route.method;
  }));
  routes_.push_back(std::move(route));
  patterns_.push_back(std::move(target->segments));
}

Result<Router::Match> Router::find(Method method, const Target& target) const {
  const Method wanted = method == Method::kHead ? Method::kGet : method;
  bool path_known = false;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    auto captured = match(patterns_[i], target);
    if (!captured) {
      continue;
    }
    path_known = true;
    if (routes_[i].method == wanted) {
      return Match{.route = &routes_[i], .captured = *std::move(captured)};
    }
  }
  if (path_known) {
    return fail("gateway.method_unknown", "this resource answers " + allowed(target));
  }
  return fail("gateway.not_found",
              "there is nothing at " + target.path() + "; /openapi.json lists what there is");
}

std::string Router::allowed(const Target& target) const {
  std::string out;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (match(patterns_[i], target)) {
      out += out.empty() ? "" : ", ";
      out += name_of(routes_[i].method);
      out += routes_[i].method == Method::kGet ? ", HEAD" : "";
    }
  }
  return out;
}

}  // namespace i2::gateway
