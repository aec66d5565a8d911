// udp_relay: the bad network of udp_relay.h as a process.
//
//   udp_relay --listen [ADDR]:PORT --target [ADDR]:PORT [--loss P] [--duplicate P] [--corrupt P]
//             [--delay-ms MS] [--jitter-ms MS] [--seed N] [--blackhole]
//
// Prints "listening [ADDR]:PORT" once it forwards, and its counters as one line of JSON at the end.
// SIGUSR1 opens and closes the black hole, SIGTERM or SIGINT end it.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "udp_relay.h"

namespace {

i2::test::UdpRelay* relay = nullptr;  // for the signal handlers

void on_signal(int number) {
  if (number == SIGUSR1) {
    relay->toggle_blackhole();
  } else {
    relay->stop();
  }
}

void print_counters() {
  nlohmann::json out;
  i2::telemetry::visit(
      i2::telemetry::Snapshot(relay->metrics()),
      [&](const i2::telemetry::Description& d, std::uint64_t value) { out[d.key] = value; });
  std::printf("%s\n", out.dump().c_str());
}

i2::Result<void> serve(const i2::test::RelayOptions& options, bool blackhole) {
  I2_TRY_VALUE(const std::unique_ptr<i2::test::UdpRelay> owner,
               i2::test::UdpRelay::create(options));
  relay = owner.get();
  if (blackhole) {
    relay->toggle_blackhole();
  }
  for (const int number : {SIGUSR1, SIGTERM, SIGINT}) {
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
  std::printf("listening %s\n", i2::test::to_string(relay->address()).c_str());
  std::fflush(stdout);
  I2_TRY(relay->run());
  print_counters();
  return {};
}

i2::Result<void> run(i2::test::RelayOptions options, const std::string& listen,
                     const std::string& target, bool blackhole) {
  I2_TRY_VALUE(options.listen, i2::test::parse_address(listen));
  I2_TRY_VALUE(options.target, i2::test::parse_address(target));
  return serve(options, blackhole);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): CLI11 throws at mistakes in the lines below only
int main(int argc, char** argv) {
  i2::test::RelayOptions options;
  std::string listen = "[::1]:0";
  std::string target;
  std::uint64_t delay_ms = 0;
  std::uint64_t jitter_ms = 0;
  bool blackhole = false;
  CLI::App app("Forwards IPv6 UDP and impairs it by a seed");
  app.add_option("--listen", listen, "[address]:port for the clients; port 0 chooses one");
  app.add_option("--target", target, "[address]:port to forward to")->required();
  const CLI::Range probability(0.0, 1.0);
  app.add_option("--loss", options.impairment.loss, "probability of a loss")->check(probability);
  app.add_option("--duplicate", options.impairment.duplicate, "probability of a second copy")
      ->check(probability);
  app.add_option("--corrupt", options.impairment.corrupt, "probability of a flipped bit")
      ->check(probability);
  const CLI::Range minute(std::uint64_t{0}, std::uint64_t{60'000});
  app.add_option("--delay-ms", delay_ms, "delay of every datagram")->check(minute);
  app.add_option("--jitter-ms", jitter_ms, "largest additional delay")->check(minute);
  app.add_option("--seed", options.seed, "of the random decisions");
  app.add_flag("--blackhole", blackhole, "start with the black hole open");
  CLI11_PARSE(app, argc, argv);
  options.impairment.delay = delay_ms * i2::kMillisecond;
  options.impairment.jitter = jitter_ms * i2::kMillisecond;

  if (const auto done = run(options, listen, target, blackhole); !done) {
    std::fprintf(stderr, "udp_relay: %s\n", done.error().to_string().c_str());
    return 1;
  }
  return 0;
}
