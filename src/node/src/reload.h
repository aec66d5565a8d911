// Reading the configuration again, with what is said about it in the log.
#pragma once

#include <i2/node/config_keeper.h>
#include <i2/node/log.h>
#include <i2/stoq/transport.h>

namespace i2::node {

// Where the configuration wants traces.
[[nodiscard]] stoq::QlogConfig qlog_config(const Config& config);
// Errors: config.invalid, with all problems in the message; they are in the log one by one.
[[nodiscard]] Result<ConfigKeeper::Outcome> reload_config(ConfigKeeper& keeper,
                                                          stoq::Transport& transport,
                                                          const Logger& log);

}  // namespace i2::node
