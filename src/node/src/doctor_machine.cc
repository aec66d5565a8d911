#include <i2/node/units.h>
#include <i2/rt/clock.h>
#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <format>
#include <fstream>
#include <string>
#include <system_error>

#include "doctor_checks.h"
#include "thresholds.h"
#include "unix_socket.h"

namespace i2::node {
namespace {

constexpr std::uint64_t kMemoryMin = 256ULL * 1024 * 1024;
constexpr rlim_t kFilesMin = 4'096;

}  // namespace

Check check_clock() {
  Check out{.name = "clock", .verdict = Verdict::kOk, .finding = {}, .remedy = {}};
  const UnixMillis now = rt::SystemClock().unix_now();
  out.finding = "it is " + format_time(now);
  timex state{};
  const int status = ::adjtimex(&state);  // only reads
  if (now < kClockMin) {
    out.verdict = Verdict::kFail;
    out.remedy = "set the clock: certificates cannot be judged without it";
  } else if (status == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    out.verdict = Verdict::kWarn;
    out.finding += ", not synchronised with any other clock";
    out.remedy = "run a time service (systemd-timesyncd, chrony)";
  } else {
    out.finding +=
        std::format(", off by {} at most",
                    format_duration(static_cast<Duration>(state.maxerror) * kMicrosecond));
  }
  return out;
}

Check check_open_files(const Config& config) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    limit.rlim_max = 0;
  }
  Check out{.name = "open_files",
            .verdict = Verdict::kOk,
            .finding = std::format("up to {} open files and sockets", limit.rlim_max),
            .remedy = {}};
  if (limit.rlim_max < kFilesMin || limit.rlim_max < config.open_files) {
    out.verdict = Verdict::kWarn;
    out.remedy = std::format("raise the limit (`ulimit -Hn`, LimitNOFILE=) to {} or more",
                             std::max<rlim_t>(kFilesMin, config.open_files));
  }
  return out;
}

Check check_memory() {
  std::ifstream in("/proc/meminfo");
  std::uint64_t kibibytes = 0;
  for (std::string word; in >> word;) {
    if (word == "MemAvailable:" && in >> kibibytes) {
      break;
    }
  }
  const std::uint64_t available = kibibytes * 1024;
  Check out{.name = "memory",
            .verdict = Verdict::kOk,
            .finding = format_size(available) + " available",
            .remedy = {}};
  if (available < kMemoryMin) {
    out.verdict = Verdict::kWarn;
    out.remedy = "free some memory; a node with many connections needs more than that";
  }
  return out;
}

Check check_cpu() {
  std::ifstream in("/proc/cpuinfo");
  bool aes = false;
  for (std::string word; !aes && in >> word;) {
    aes = word == "aes";
  }
  if (aes) {
    return {.name = "cpu",
            .verdict = Verdict::kOk,
            .finding = "the processor has AES instructions",
            .remedy = {}};
  }
  return {.name = "cpu",
          .verdict = Verdict::kWarn,
          .finding = "the processor shows no AES instructions: encryption limits the throughput",
          .remedy = "in a virtual machine, pass the host's processor through"};
}

// This program uses neither of the two; the checks say what a machine would have.
Check check_io_uring() {
  io_uring_params parameters{};
  const Descriptor ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
  return {.name = "io_uring",
          .verdict = Verdict::kOk,
          .finding = ring ? std::string("available; not used by this version")
                          : std::format("not available ({}); not used by this version",
                                        std::generic_category().message(errno)),
          .remedy = {}};
}

Check check_af_xdp() {
  const Descriptor socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  return {.name = "af_xdp",
          .verdict = Verdict::kOk,
          .finding = socket ? std::string("available; not used by this version")
                            : std::format("not available ({}); not used by this version",
                                          std::generic_category().message(errno)),
          .remedy = {}};
}

}  // namespace i2::node
