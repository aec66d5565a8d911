// The layers of a node: they start in order, stop in reverse, and each says how it is.
#pragma once

#include <i2/base/error.h>
#include <i2/node/log.h>
#include <i2/telemetry/health.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace i2::node {

struct Layer {
  std::string name;
  std::function<Result<void>()> start;
  // Called once, and only when start() has succeeded. May be empty.
  std::function<void()> stop;
  // Any time between start() and stop(). May be empty: always well.
  std::function<telemetry::LayerHealth()> health;
};

// start() and stop() on one thread that is not a thread of the node. health() on the control
// executor.
class Layers {
 public:
  void add(Layer layer) { layers_.push_back(std::move(layer)); }

  // The error of the first layer that does not come up, with its name in front; the others have
  // then been stopped.
  [[nodiscard]] Result<void> start(const Logger& log);
  void stop();
  [[nodiscard]] telemetry::HealthReport health() const;

 private:
  std::vector<Layer> layers_;
  std::atomic<std::size_t> running_ = 0;  // the first so many; written by the starting thread
};

}  // namespace i2::node
