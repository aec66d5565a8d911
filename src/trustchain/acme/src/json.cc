#include "json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace i2::trustchain::acme {
namespace {

constexpr int kJsonDepthMax = 8;

}  // namespace

std::optional<nlohmann::json> parse_object(std::string_view text) {
  using Event = nlohmann::json::parse_event_t;
  bool good = true;
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto watch = [&](int depth, Event event, nlohmann::json& parsed) {
    if (event == Event::object_start) {
      names.emplace_back();
    } else if (event == Event::object_end) {
      names.pop_back();
    } else if (event == Event::key) {
      good = good && names.back().insert(parsed.get_ref<const std::string&>()).second;
    }
    good = good && depth <= kJsonDepthMax;
    return good;  // what follows the first mistake is dropped as it is read
  };
  nlohmann::json out = nlohmann::json::parse(text, watch, false);
  if (!good || !out.is_object()) {
    return std::nullopt;
  }
  return out;
}

const std::string* text_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

std::string to_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace i2::trustchain::acme
