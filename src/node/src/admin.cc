#include <i2/node/admin.h>

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>

namespace i2::node {
namespace {

using nlohmann::json;

std::unexpected<Error> malformed(std::string message) {
  return fail("admin.malformed", std::move(message));
}

std::unexpected<Error> wrong_argument(std::string_view name, std::string_view what) {
  return fail("admin.argument", std::format("argument '{}' {}", name, what));
}

// Names that the other side sent are not always UTF-8.
std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

Result<AdminValue> parse_value(std::string_view name, const json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_boolean()) {
    return value.get<bool>();
  }
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(INT64_MAX)) {
      return malformed(std::format("argument '{}' is too large", name));
    }
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) {
    return value.get<std::int64_t>();
  }
  return malformed(std::format("argument '{}' is neither text, integer nor boolean", name));
}

Result<json> parse_object(std::string_view line, std::size_t size_max) {
  if (line.size() > size_max) {
    return malformed(std::format("the line is over {} bytes", size_max));
  }
  json value = json::parse(line, nullptr, false);
  if (!value.is_object()) {
    return malformed("the line is not a JSON object");
  }
  return value;
}

}  // namespace

Result<std::string> AdminRequest::text(std::string_view name) const {
  const auto found = args.find(name);
  if (found == args.end()) {
    return wrong_argument(name, "is missing");
  }
  if (const auto* const value = std::get_if<std::string>(&found->second)) {
    return *value;
  }
  return wrong_argument(name, "wants text");
}

Result<std::int64_t> AdminRequest::integer(std::string_view name, std::int64_t otherwise,
                                           std::int64_t minimum, std::int64_t maximum) const {
  const auto found = args.find(name);
  if (found == args.end()) {
    return otherwise;
  }
  const auto* const value = std::get_if<std::int64_t>(&found->second);
  if (value == nullptr) {
    return wrong_argument(name, "wants an integer");
  }
  if (*value < minimum || *value > maximum) {
    return wrong_argument(name, std::format("is out of range: {} to {}", minimum, maximum));
  }
  return *value;
}

Result<bool> AdminRequest::flag(std::string_view name) const {
  const auto found = args.find(name);
  if (found == args.end()) {
    return false;
  }
  if (const auto* const value = std::get_if<bool>(&found->second)) {
    return *value;
  }
  return wrong_argument(name, "wants true or false");
}

Result<AdminRequest> parse_request(std::string_view line) {
  I2_TRY_VALUE(const json value, parse_object(line, kAdminLineMax));
  AdminRequest out;
  for (const auto& [name, member] : value.items()) {
    if (name == "verb" && member.is_string()) {
      out.verb = member.get<std::string>();
    } else if (name == "args" && member.is_object()) {
      if (member.size() > kAdminArgumentsMax) {
        return malformed(std::format("over {} arguments", kAdminArgumentsMax));
      }
      for (const auto& [argument, argument_value] : member.items()) {
        if (!is_word(argument)) {
          return malformed("the name of an argument is not a plain word");
        }
        I2_TRY_VALUE(out.args[argument], parse_value(argument, argument_value));
      }
    } else {
      return malformed("a request is {\"verb\":\"...\",\"args\":{...}}");
    }
  }
  if (!is_word(out.verb)) {
    return malformed("the verb is missing or not a plain word");
  }
  return out;
}

std::string encode_request(const AdminRequest& request) {
  json args = json::object();
  for (const auto& [name, value] : request.args) {
    std::visit([&](const auto& content) { args[name] = content; }, value);
  }
  return dump({{"verb", request.verb}, {"args", std::move(args)}}) + "\n";
}

std::string encode_progress(std::string_view json_text) {
  return std::format("{{\"progress\":{}}}\n", json_text);
}

std::string encode_result(std::string_view json_text) {
  return std::format("{{\"result\":{}}}\n", json_text);
}

std::string encode_error(std::string_view code, std::string_view message) {
  return dump({{"error", {{"code", code}, {"message", message}}}}) + "\n";
}

Result<AdminReply> parse_reply(std::string_view line) {
  I2_TRY_VALUE(const json value, parse_object(line, kAdminReplyMax));
  AdminReply out;
  if (value.contains("progress")) {
    out.kind = AdminReply::Kind::kProgress;
    out.json = dump(value["progress"]);
    return out;
  }
  if (value.contains("result")) {
    out.json = dump(value["result"]);
    return out;
  }
  if (const auto error = value.find("error"); error != value.end() && error->is_object()) {
    const auto code = error->find("code");
    const auto message = error->find("message");
    if (code != error->end() && code->is_string() && message != error->end() &&
        message->is_string()) {
      out.kind = AdminReply::Kind::kError;
      out.code = code->get<std::string>();
      out.message = message->get<std::string>();
      return out;
    }
  }
  return malformed("an answer is neither progress, result nor error");
}

}  // namespace i2::node
