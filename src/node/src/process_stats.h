// What the kernel says about this process (proc(5), getrusage(2)).
#pragma once

#include "metrics.h"

namespace i2::node {

// Everything but uptime. What cannot be read stays zero.
void read_process(telemetry::Snapshot<ProcessMetrics>& out);

}  // namespace i2::node
