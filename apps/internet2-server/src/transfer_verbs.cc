// send, recv, bench: moving data.
#include <fcntl.h>
#include <i2/node/units.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>

#include "output.h"
#include "remote.h"
#include "verbs.h"

namespace i2::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using node::ExitCode;

class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Error open_error(const fs::path& path, int number) {
  const std::string doing = "open '" + path.string() + "'";
  if (number == ENOENT || number == ENOTDIR) {
    return errno_error("file.not_found", doing, number);
  }
  if (number == EACCES || number == EPERM) {
    return errno_error("file.permission_denied", doing, number);
  }
  return errno_error("file.read_failed", doing, number);
}

std::string rate_text(std::uint64_t bytes, double seconds) {
  return seconds > 0
             ? node::format_size(static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds)) +
                   "/s"
             : "-";
}

// "name (2).ext" and so on, the first that is free.
fs::path free_name(const fs::path& folder, const std::string& name) {
  const fs::path wanted(name);
  fs::path out = folder / wanted;
  std::error_code ignored;
  for (int i = 2; fs::symlink_status(out, ignored).type() != fs::file_type::not_found; ++i) {
    out = folder / std::format("{} ({}){}", wanted.stem().string(), i, wanted.extension().string());
  }
  return out;
}

// Across file systems a copy under a hidden name first, so that the final name never shows a part.
Result<fs::path> move_file(const fs::path& from, const fs::path& folder, const std::string& name) {
  std::error_code error;
  fs::path to = free_name(folder, name);
  fs::rename(from, to, error);
  if (!error) {
    return to;
  }
  if (error != std::errc::cross_device_link) {
    return fail(errno_error("file.write_failed", "move to '" + to.string() + "'", error.value()));
  }
  const fs::path part = folder / ("." + to.filename().string() + ".part");
  if (fs::copy_file(from, part, fs::copy_options::overwrite_existing, error); !error) {
    fs::rename(part, to, error);
  }
  if (error) {
    std::error_code ignored;
    fs::remove(part, ignored);
    return fail(errno_error("file.write_failed", "copy to '" + to.string() + "'", error.value()));
  }
  if (!fs::remove(from, error)) {
    return fail(errno_error("file.write_failed", "remove '" + from.string() + "'", error.value()));
  }
  return to;
}

}  // namespace

ExitCode run_send(const Options& options, const node::Config& config) {
  const Output out(options);
  const fs::path path(options.file);
  const OpenFile file(path);
  if (file.get() < 0) {
    return out.failure(open_error(path, errno));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return out.failure("file.not_regular", "'" + path.string() + "' is no regular file");
  }
  const std::string name = path.filename().string();
  Answer answer;
  {
    ProgressBar bar(name);
    const auto on_progress = [&](const json& progress) {
      bar.show(progress["bytes"].get<std::uint64_t>(), progress["size"].get<std::uint64_t>(),
               progress["resumed_at"].get<std::uint64_t>());
    };
    answer =
        ask(config, options, {.verb = "send", .args = {{"peer", options.peer}, {"name", name}}},
            kNever, on_progress, file.get());
  }
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  const auto bytes = result["bytes"].get<std::uint64_t>();
  const auto resumed_at = result["resumed_at"].get<std::uint64_t>();
  const auto seconds = result["seconds"].get<double>();
  out.result(
      result,
      std::format("{}  {}  {:.2f} s  {}  sha256 {}{}\n", name, node::format_size(bytes), seconds,
                  rate_text(bytes - resumed_at, seconds), result["sha256"].get<std::string>(),
                  resumed_at > 0 ? "  resumed at " + node::format_size(resumed_at) : ""));
  return ExitCode::kOk;
}

ExitCode run_recv(const Options& options, const node::Config& config) {
  const Output out(options);
  if (!options.out.empty()) {
    std::error_code error;
    fs::create_directories(options.out, error);
    if (error) {
      return out.failure(
          errno_error("file.write_failed", "make '" + options.out + "'", error.value()));
    }
  }
  const Answer answer =
      ask(config, options, {.verb = "recv", .args = {{"wait", options.wait}}}, kNever);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  json result = json::parse(answer.json);
  std::string text;
  for (json& file : result["files"]) {
    if (!options.out.empty()) {
      const auto moved =
          move_file(file["path"].get<std::string>(), options.out, file["name"].get<std::string>());
      if (!moved) {
        return out.failure(moved.error());
      }
      file["path"] = fs::absolute(*moved).string();
    }
    file["received_at"] = node::format_time(file["received_at"].get<std::uint64_t>());
    text += std::format("{}  {}  from {}\n", file["path"].get<std::string>(),
                        node::format_size(file["size"].get<std::uint64_t>()),
                        file["sender"].get<std::string>());
  }
  out.result(result, text);
  return ExitCode::kOk;
}

ExitCode run_bench(const Options& options, const node::Config& config) {
  const Output out(options);
  if (!out.json()) {
    out.note(std::format("measuring for {} ...", node::format_duration(options.duration)));
  }
  const Answer answer =
      ask(config, options,
          {.verb = "bench",
           .args = {{"peer", options.peer},
                    {"streams", options.streams},
                    {"duration_ms", static_cast<std::int64_t>(options.duration / kMillisecond)},
                    {"datagram", options.datagram}}},
          kNever);
  if (!answer.ok()) {
    return out.failure(answer.code, answer.message);
  }
  const json result = json::parse(answer.json);
  const json& cpu = result["cpu_seconds"];
  std::string what = std::format("streams {}", result["streams"].get<std::size_t>());
  if (options.datagram) {
    const json& datagrams = result["datagrams"];
    what =
        std::format("datagrams {} of {}, {} bytes each", datagrams["received"].get<std::uint64_t>(),
                    datagrams["sent"].get<std::uint64_t>(), datagrams["size"].get<std::uint64_t>());
  }
  out.result(result,
             std::format("{:.2f} Gbit/s  {} in {:.2f} s  {}  cpu {:.2f} s here, {:.2f} s there\n",
                         result["gbps"].get<double>(),
                         node::format_size(result["acknowledged_bytes"].get<std::uint64_t>()),
                         result["seconds"].get<double>(), what, cpu["local"].get<double>(),
                         cpu["remote"].get<double>()));
  return ExitCode::kOk;
}

}  // namespace i2::app
