#include "output.h"

#include <i2/node/units.h>
#include <i2/rt/clock.h>
#include <unistd.h>

#include <cstdio>
#include <format>
#include <nlohmann/json.hpp>

namespace i2::app {
namespace {

void put(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

Output::Output(const Options& options)
    : program_(options.program), verb_(options.verb), json_(options.json) {}

void Output::result(nlohmann::json object, std::string_view text) const {
  if (json_) {
    object["schema"] = std::format("i2.{}/1", verb_);
    put(stdout, dump(object));
  } else {
    put(stdout, text);
  }
}

void Output::line(std::string_view text) const {
  if (!json_) {
    put(stdout, std::format("{}\n", text));
  }
}

void Output::note(std::string_view text) const {
  put(stderr, std::format("{}\n", text));
}

node::ExitCode Output::failure(std::string_view code, std::string_view message) const {
  note(std::format("{}: {} [{}]", program_, message, code));
  if (json_) {
    put(stdout, dump({{"schema", std::format("i2.{}/1", verb_)},
                      {"error", {{"code", code}, {"message", message}}}}));
  }
  return node::exit_code(code);
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)),
      terminal_(::isatty(STDERR_FILENO) == 1),
      started_(rt::SystemClock().now()) {}

ProgressBar::~ProgressBar() {
  if (shown_) {
    put(stderr, "\r\x1b[K");  // ECMA-48: erase to the end of the line
  }
}

void ProgressBar::show(std::uint64_t bytes, std::uint64_t size, std::uint64_t resumed_at) {
  if (!terminal_ || size == 0) {
    return;
  }
  shown_ = true;
  const double seconds = static_cast<double>(rt::SystemClock().now() - started_) * 1e-9;
  const double moved = static_cast<double>(bytes - std::min(bytes, resumed_at));
  std::string rate;
  if (seconds > 0.2 && moved > 0) {
    const double per_second = moved / seconds;
    const double left = static_cast<double>(size - std::min(bytes, size)) / per_second;
    rate = std::format("  {}/s  {} left", node::format_size(static_cast<std::uint64_t>(per_second)),
                       node::format_duration(static_cast<Duration>(left * 1e9)));
  }
  put(stderr, std::format("\r\x1b[K{}  {:3} %  {} of {}{}", label_, bytes * 100 / size,
                          node::format_size(bytes), node::format_size(size), rate));
}

}  // namespace i2::app
