#include "layers.h"

namespace i2::node {

Result<void> Layers::start(const Logger& log) {
  for (const Layer& layer : layers_) {
    if (auto started = layer.start(); !started) {
      Error error = started.error().in(layer.name);
      stop();
      return fail(std::move(error));
    }
    ++running_;
    log.debug("node", "layer_started", "a layer is up", {{"name", layer.name}});
  }
  return {};
}

void Layers::stop() {
  while (running_ > 0) {
    const Layer& layer = layers_[--running_];  // says nothing about itself from here on
    if (layer.stop) {
      layer.stop();
    }
  }
}

telemetry::HealthReport Layers::health() const {
  telemetry::HealthReport out;
  const std::size_t running = running_;
  for (std::size_t i = 0; i < running; ++i) {
    const Layer& layer = layers_[i];
    telemetry::LayerHealth health;
    if (layer.health) {
      health = layer.health();
    }
    health.layer = layer.name;
    out.layers.push_back(std::move(health));
  }
  return out;
}

}  // namespace i2::node
