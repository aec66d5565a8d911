#include <i2/node/log.h>
#include <i2/node/units.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace i2::node {
namespace {

constexpr std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

// Names of peers and files come from elsewhere: quotes keep a value one value and a line one line.
std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

void Logger::set(LogLevel level, LogFormat format, std::uint64_t rate) {
  level_ = level;
  format_ = format;
  rate_ = rate;
}

bool Logger::admits(std::string_view layer, std::string_view event) const {
  const std::uint64_t rate = rate_;
  if (rate == 0) {
    return true;
  }
  const Timestamp now = clock_.now();
  const std::scoped_lock lock(mutex_);
  Recent& recent = recent_[EventName(layer, event)];
  if (now - recent.second_began >= kSecond) {
    recent.second_began = now;
    recent.in_second = 0;
  }
  if (recent.in_second < rate) {
    ++recent.in_second;
    return true;
  }
  ++recent.left_out;
  suppressed_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Logger::report_suppressed() const {
  std::vector<std::pair<EventName, std::uint64_t>> left_out;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [name, recent] : recent_) {
      if (recent.left_out > 0) {
        left_out.emplace_back(name, std::exchange(recent.left_out, 0));
      }
    }
  }
  for (const auto& [name, count] : left_out) {
    put(LogLevel::kWarning, name.first, "log_suppressed", "lines of a frequent event were left out",
        {{"of", name.second}, {"lines", count}});
  }
}

void Logger::write(LogLevel level, std::string_view layer, std::string_view event,
                   std::string_view message, Fields fields) const {
  if (level >= level_ && admits(layer, event)) {
    put(level, layer, event, message, fields);
  }
}

void Logger::put(LogLevel level, std::string_view layer, std::string_view event,
                 std::string_view message, Fields fields) const {
  const std::string time = format_time(clock_.unix_now(), true);
  std::string line;
  if (format_ == LogFormat::kText) {
    line = std::format("{} {:<7} {} {}: {}", time, name_of(level), layer, event,
                       is_printable(message) ? std::string(message) : json_text(message));
    for (const LogField& field : fields) {
      line += std::format(" {}={}", field.name,
                          is_plain(field.value) ? field.value : json_text(field.value));
    }
  } else {
    line = std::format(R"({{"time":"{}","level":"{}","layer":"{}","event":"{}","message":{})", time,
                       name_of(level), layer, event, json_text(message));
    for (const LogField& field : fields) {
      line += std::format(R"(,"{}":{})", field.name,
                          field.is_number ? field.value : json_text(field.value));
    }
    line += '}';
  }
  line += '\n';
  written_.fetch_add(1, std::memory_order_relaxed);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return;  // nowhere to say it
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

}  // namespace i2::node
