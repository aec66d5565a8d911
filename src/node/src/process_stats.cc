#include "process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace i2::node {
namespace {

std::int64_t nanoseconds(const timeval& time) {
  return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1'000LL;
}

std::int64_t count_descriptors() {
  std::error_code error;
  std::int64_t count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : 0;  // one of them was this directory
}

}  // namespace

void read_process(telemetry::Snapshot<ProcessMetrics>& out) {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    out.set<"cpu_seconds">(
        static_cast<std::uint64_t>(nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)));
  }
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  if (std::ifstream("/proc/self/statm") >> pages >> resident) {
    const std::int64_t page = ::sysconf(_SC_PAGESIZE);
    out.set<"virtual_memory_bytes">(pages * page);
    out.set<"resident_memory_bytes">(resident * page);
  }
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t threads = 0;
    if (word == "Threads:" && status >> threads) {
      out.set<"threads">(threads);
      break;
    }
  }
  out.set<"open_fds">(count_descriptors());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.set<"max_fds">(static_cast<std::int64_t>(limit.rlim_cur));
  }
}

}  // namespace i2::node
