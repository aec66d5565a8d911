#include "remote.h"

#include <i2/rt/clock.h>

#include <cstdio>
#include <format>
#include <nlohmann/json.hpp>

namespace i2::app {
namespace {

Answer failed(const Error& error) {
  return {.json = {}, .code = std::string(error.code()), .message = error.message()};
}

}  // namespace

Answer ask(const node::Config& config, const Options& options, const node::AdminRequest& request,
           Duration default_timeout, const std::function<void(const nlohmann::json&)>& on_progress,
           std::optional<int> descriptor) {
  auto client = node::AdminClient::connect(config.socket_path());
  if (!client) {
    return failed(client.error());
  }
  if (const auto sent = client->send(request, descriptor); !sent) {
    return failed(sent.error());
  }
  const Duration limit = options.timeout.value_or(default_timeout);
  const Timestamp deadline = limit == kNever ? kNever : rt::SystemClock().now() + limit;
  for (;;) {
    auto reply = client->receive(deadline);
    if (!reply) {
      return failed(reply.error());
    }
    switch (reply->kind) {
      case node::AdminReply::Kind::kProgress:
        if (on_progress) {
          on_progress(nlohmann::json::parse(reply->json));
        }
        break;
      case node::AdminReply::Kind::kResult:
        return {.json = std::move(reply->json), .code = {}, .message = {}};
      case node::AdminReply::Kind::kError:
        return {.json = {}, .code = std::move(reply->code), .message = std::move(reply->message)};
    }
  }
}

node::ConfigSources sources_of(const Options& options) {
  node::ConfigSources sources;
  sources.environment = node::environment_settings();
  if (options.config) {
    sources.file = *options.config;
  } else {
    for (const std::string_view variable : {"I2_CONFIG", "STOQ_CONFIG_PATH"}) {
      const auto found = sources.environment.find(variable);
      if (found != sources.environment.end() && !found->second.empty()) {
        sources.file = found->second;
        break;
      }
    }
  }
  const auto add = [&](std::string_view section, std::string_view key, std::string flag,
                       const std::optional<std::string>& value) {
    if (value) {
      sources.flags.push_back({section, key, std::move(flag), *value});
    }
  };
  add("node", "data_dir", "--data-dir", options.data_dir);
  add("node", "socket", "--socket", options.socket);
  add("transport", "bind_address", "--bind", options.bind);
  add("transport", "port", "--port", options.port);
  if (options.legacy_gateway) {
    add("gateway", "enabled", "--legacy-gateway", "true");
  }
  return sources;
}

void print_problems(const std::vector<node::ConfigProblem>& problems) {
  for (const node::ConfigProblem& problem : problems) {
    std::fputs(std::format("{}\n", problem.to_string()).c_str(), stderr);
  }
}

std::optional<node::LoadedConfig> read_config(const Options& options) {
  auto config = node::load_config(sources_of(options));
  if (!config) {
    print_problems(config.error());
    return std::nullopt;
  }
  return std::move(*config);
}

}  // namespace i2::app
