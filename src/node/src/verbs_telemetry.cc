// metrics: the latest report, in one of its texts.
#include <nlohmann/json.hpp>

#include "verbs.h"
#include "verbs_json.h"

namespace i2::node {

using nlohmann::json;

Task<Result<std::string>> Verbs::metrics(AdminCallPtr call) {
  const auto report = parts_.collector.latest();
  if (!call->request.args.contains("format")) {
    co_return telemetry::to_json(*report);
  }
  I2_CO_TRY_VALUE(const std::string format, call->request.text("format"));
  if (format == "prometheus") {
    co_return to_line({{"text", telemetry::to_prometheus(*report)}});
  }
  if (format == "openmetrics") {
    co_return to_line({{"text", telemetry::to_openmetrics(*report)}});
  }
  co_return fail("admin.argument", "format is \"prometheus\" or \"openmetrics\"");
}

Task<Result<std::string>> Verbs::health(AdminCallPtr) {
  co_return telemetry::to_json(parts_.layers.health());
}

}  // namespace i2::node
