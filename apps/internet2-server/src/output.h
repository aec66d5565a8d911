// What a command prints: data on standard output, everything else on standard error.
#pragma once

#include <i2/base/error.h>
#include <i2/node/exit_code.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "options.h"

namespace i2::app {

class Output {
 public:
  explicit Output(const Options& options);

  [[nodiscard]] bool json() const { return json_; }
  // With --json the object, with its schema; else `text`, which ends its lines itself.
  void result(nlohmann::json object, std::string_view text) const;
  // A line of data as it comes; nothing with --json.
  void line(std::string_view text) const;
  // A line for the person at the terminal.
  void note(std::string_view text) const;
  // Says what went wrong, with --json also as an object on standard output.
  [[nodiscard]] node::ExitCode failure(std::string_view code, std::string_view message) const;
  [[nodiscard]] node::ExitCode failure(const Error& error) const {
    return failure(error.code(), error.message());
  }

 private:
  std::string program_;
  std::string verb_;
  bool json_;
};

// A progress bar on standard error, only when that is a terminal: "  45 %  1.2 GiB of 2.6 GiB
// 812 MiB/s  3 s left". It uses no colours, so NO_COLOR has nothing to switch off.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `resumed_at`: bytes that were there before; they do not count for the rate.
  void show(std::uint64_t bytes, std::uint64_t size, std::uint64_t resumed_at);

 private:
  std::string label_;
  bool terminal_;
  bool shown_ = false;
  Timestamp started_;
};

}  // namespace i2::app
