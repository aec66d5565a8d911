#include <i2/crypto/provider.h>

#include <utility>

#include "doctor_checks.h"

namespace i2::node {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      return "fail";
  }
  std::unreachable();
}

std::vector<Check> examine(const Config& config, bool daemon_runs) {
  std::vector<Check> out{
      check_ipv6(),         check_addresses(),       check_port(config, daemon_runs),
      check_segmentation(), check_receive_offload(), check_socket_buffers(config),
      check_clock(),        check_data_dir(config),  check_disk_space(config)};
  if (const auto provider = crypto::install_provider(); provider) {
    out.push_back(check_certificate(config));
  } else {
    out.push_back({.name = "certificate",
                   .verdict = Verdict::kFail,
                   .finding = provider.error().message(),
                   .remedy = "OpenSSL 3.5 or newer is needed"});
  }
  out.push_back(check_open_files(config));
  out.push_back(check_memory());
  out.push_back(check_cpu());
  out.push_back(check_io_uring());
  out.push_back(check_af_xdp());
  return out;
}

}  // namespace i2::node
