// The checks of `i2 doctor`, by what they look at.
#pragma once

#include <i2/node/doctor.h>

namespace i2::node {

// doctor_network.cc
[[nodiscard]] Check check_ipv6();
[[nodiscard]] Check check_addresses();
[[nodiscard]] Check check_port(const Config& config, bool daemon_runs);
[[nodiscard]] Check check_segmentation();
[[nodiscard]] Check check_receive_offload();
[[nodiscard]] Check check_socket_buffers(const Config& config);
// doctor_machine.cc
[[nodiscard]] Check check_clock();
[[nodiscard]] Check check_open_files(const Config& config);
[[nodiscard]] Check check_memory();
[[nodiscard]] Check check_cpu();
[[nodiscard]] Check check_io_uring();
[[nodiscard]] Check check_af_xdp();
// doctor_node.cc
[[nodiscard]] Check check_data_dir(const Config& config);
[[nodiscard]] Check check_disk_space(const Config& config);
[[nodiscard]] Check check_certificate(const Config& config);

}  // namespace i2::node
