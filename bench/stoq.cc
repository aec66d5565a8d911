// The transport through its own API, as one process a side.
//
//   bench_stoq keys --out DIR
//   bench_stoq server --keys DIR --bind [addr]:port [--cpu N]
//   bench_stoq pair [--cpu N] [--peer-cpu N] [--duration S]
//   bench_stoq client --keys DIR --peer [addr]:port [--cpu N] [--duration S] [--payload BYTES]
//              [--streams N] [--what bulk|request|handshake|resumed|idle] [--json]
//
// `keys` makes a fleet of two nodes. `pair` is both sides in one process, with ECDSA P-256 leaves
// instead of Falcon: what a connection costs whose certificates are classical. What a client
// reports for `bulk` is what the server counted and answered at the end of each stream.
#include <i2/crypto/random.h>
#include <i2/fleet/membership.h>
#include <i2/fleet/trust_store.h>
#include <i2/rt/clock.h>
#include <i2/stoq/core/testing/trust.h>
#include <i2/stoq/transport.h>
#include <i2/wire/reader.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "run_main.h"

namespace i2::bench {
namespace {

namespace asio = boost::asio;
using stoq::Chunk;
using stoq::Connection;
using stoq::Stream;
using stoq::Task;

const rt::SystemClock kClock;

struct Options {
  std::filesystem::path keys;
  std::string address;
  int cpu = -1;
  int peer_cpu = -1;
  double duration = 3;
  unsigned payload = 1452;
  std::size_t streams = 1;
  std::size_t connections = 1000;
  std::string what = "bulk";
};

[[noreturn]] void die(const Error& error) {
  std::fprintf(stderr, "bench_stoq: %s\n", error.to_string().c_str());
  std::_Exit(1);
}

template <class T>
T value(Result<T> result) {
  if (!result) {
    die(result.error());
  }
  return std::move(*result);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void make_keys(const Options& options) {
  const UnixMillis now = kClock.unix_now();
  const auto bundle = options.keys / "client.bundle";
  std::filesystem::create_directories(options.keys);
  (void)value(fleet::init({.data_dir = options.keys / "server",
                           .fleet_name = "bench",
                           .node_name = "server",
                           .now = now}));
  (void)value(fleet::provision({.data_dir = options.keys / "server",
                                .node_name = "client",
                                .peers = {},
                                .bundle = bundle,
                                .now = now}));
  (void)value(fleet::join({.data_dir = options.keys / "client", .bundle = bundle, .expected = {}}));
}

struct Side {
  Side(const Options& options, const char* role, stoq::SocketAddress bind)
      : runtime({.workers = 1,
                 .pool_threads = 1,
                 .worker_cpus = options.cpu >= 0 ? std::vector{options.cpu} : std::vector<int>{}}),
        trust(value(fleet::TrustStore::load(options.keys / role, kClock.unix_now()))) {
    stoq::TransportConfig config;
    config.bind = bind;
    auto& probes = config.endpoint.mtu_probes;
    std::erase_if(probes, [&](std::uint16_t size) { return size > options.payload; });
    if (probes.empty() || probes.back() != options.payload) {
      probes.push_back(static_cast<std::uint16_t>(options.payload));
    }
    config.endpoint.streams_bidi_max = 200'000;
    transport = value(stoq::Transport::create(config, runtime, *trust, *trust));
  }

  rt::Runtime runtime;
  std::unique_ptr<fleet::TrustStore> trust;
  std::unique_ptr<stoq::Transport> transport;
};

// --- server

// First byte of a stream: 's' counts to the end and answers, 'e' echoes.
Task<void> serve_stream(Stream stream) {
  const auto kind = co_await stream.read_exactly(1);
  if (!kind) {
    co_return;
  }
  const double cpu_at_start = cpu_seconds();
  std::uint64_t received = 0;
  for (;;) {
    const auto chunk = co_await stream.read();
    if (!chunk) {
      co_return;
    }
    if (chunk->size() == 0) {
      break;
    }
    received += chunk->size();
    if ((*kind)[0] == 'e') {
      if (const auto sent = co_await stream.write(*chunk); !sent) {
        co_return;
      }
    }
  }
  Bytes answer;
  if ((*kind)[0] == 's') {
    wire::Writer writer(answer);
    writer.u64(received);
    writer.u64(static_cast<std::uint64_t>((cpu_seconds() - cpu_at_start) * 1e6));
  }
  (void)co_await stream.write(Chunk(std::move(answer)), true);
  (void)co_await stream.flush();
}

Task<void> serve_connection(Connection connection) {
  for (;;) {
    auto stream = co_await connection.accept_stream();
    if (!stream) {
      co_return;
    }
    asio::co_spawn(connection.executor(), serve_stream(std::move(*stream)), asio::detached);
  }
}

Task<void> serve(stoq::Transport* transport) {
  for (;;) {
    auto connection = co_await transport->accept();
    if (!connection) {
      co_return;
    }
    asio::co_spawn(connection->executor(), serve_connection(*connection), asio::detached);
  }
}

void run_server(const Options& options) {
  Side side(options, "server", value(stoq::SocketAddress::parse(options.address)));
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  asio::co_spawn(side.runtime.control(), serve(side.transport.get()), asio::detached);
  std::printf("listening %s\n", side.transport->local_address().to_string().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  nlohmann::json out = {{"resident_bytes", resident_bytes()}, {"cpu_seconds", cpu_seconds()}};
  std::printf("%s\n", out.dump().c_str());
  std::fflush(stdout);
  std::_Exit(0);
}

// --- client

struct BulkResult {
  std::uint64_t acknowledged = 0;
  double remote_cpu = 0;
};

Task<Result<BulkResult>> upload(Connection connection, Timestamp until) {
  auto stream = co_await connection.open_stream(stoq::StreamType::kBytes);
  if (!stream) {
    co_return fail(stream.error());
  }
  Bytes block(512 * 1024);
  crypto::random_bytes(block);
  const Chunk chunk{std::move(block)};
  I2_CO_TRY(co_await stream->write(Chunk(Bytes{'s'})));
  while (kClock.now() < until) {
    I2_CO_TRY(co_await stream->write(chunk));
  }
  I2_CO_TRY(co_await stream->write(Chunk{}, true));
  I2_CO_TRY_VALUE(const Bytes answer, co_await stream->read_exactly(16));
  wire::Reader reader(answer);
  BulkResult out;
  out.acknowledged = reader.u64();
  out.remote_cpu = static_cast<double>(reader.u64()) * 1e-6;
  co_return out;
}

// Path MTU probing takes a few round trips; what is measured is the path as it stays.
Task<stoq::PathInfo> probed(Connection connection, unsigned payload) {
  for (int i = 0; i < 200 && connection.path().mtu < payload; ++i) {
    co_await rt::sleep_for(std::chrono::milliseconds(5));
  }
  co_return connection.path();
}

nlohmann::json run_bulk(const Connection& connection, const Options& options) {
  (void)asio::co_spawn(connection.executor(), probed(connection, options.payload), asio::use_future)
      .get();
  const double cpu_before = cpu_seconds();
  const Timestamp start = kClock.now();
  const Timestamp until =
      start + static_cast<Duration>(options.duration * static_cast<double>(kSecond));
  std::vector<std::future<Result<BulkResult>>> running;
  for (std::size_t i = 0; i < options.streams; ++i) {
    running.push_back(
        asio::co_spawn(connection.executor(), upload(connection, until), asio::use_future));
  }
  BulkResult sum;
  for (auto& one : running) {
    const BulkResult result = value(one.get());
    sum.acknowledged += result.acknowledged;
    sum.remote_cpu = std::max(sum.remote_cpu, result.remote_cpu);
  }
  const double seconds = static_cast<double>(kClock.now() - start) * 1e-9;
  const auto path =
      asio::co_spawn(connection.executor(), probed(connection, 0), asio::use_future).get();
  return {{"gbps", static_cast<double>(sum.acknowledged) * 8e-9 / seconds},
          {"acknowledged_bytes", sum.acknowledged},
          {"seconds", seconds},
          {"streams", options.streams},
          {"mtu", path.mtu},
          {"congestion_window", path.congestion_window},
          {"smoothed_rtt_us", static_cast<double>(path.smoothed_rtt) * 1e-3},
          {"cpu_seconds",
           {{"local", cpu_seconds() - cpu_before},
            {"remote", sum.remote_cpu},
            {"tx", cpu_seconds() - cpu_before},
            {"rx", sum.remote_cpu}}}};
}

Task<Result<std::vector<Duration>>> echo(Connection connection, Timestamp until) {
  auto stream = co_await connection.open_stream(stoq::StreamType::kBytes);
  if (!stream) {
    co_return fail(stream.error());
  }
  const Chunk request{Bytes(64, 'x')};
  std::vector<Duration> times;
  I2_CO_TRY(co_await stream->write(Chunk(Bytes{'e'})));
  while (kClock.now() < until) {
    const Timestamp start = kClock.now();
    I2_CO_TRY(co_await stream->write(request));
    I2_CO_TRY(co_await stream->read_exactly(64));
    times.push_back(kClock.now() - start);
  }
  I2_CO_TRY(co_await stream->write(Chunk{}, true));
  co_return times;
}

nlohmann::json percentiles(std::vector<Duration> times, double seconds) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return static_cast<double>(
               times[std::min(times.size() - 1, static_cast<std::size_t>(
                                                    share * static_cast<double>(times.size())))]) *
           1e-3;
  };
  return {{"count", times.size()},
          {"per_second", static_cast<double>(times.size()) / seconds},
          {"p50_us", at(0.5)},
          {"p99_us", at(0.99)}};
}

Task<Result<std::vector<Duration>>> handshakes(stoq::Transport* transport, stoq::SocketAddress peer,
                                               bool resume, Timestamp until) {
  std::vector<Duration> times;
  while (kClock.now() < until) {
    const Timestamp start = kClock.now();
    auto connection = co_await transport->connect(peer, {.resume = resume});
    if (!connection) {
      co_return fail(connection.error());
    }
    times.push_back(kClock.now() - start);
    if (resume) {
      // The ticket follows the handshake; a round trip brings it.
      (void)co_await asio::co_spawn(connection->executor(), connection->ping(),
                                    asio::use_awaitable);
    }
    asio::post(connection->executor(), [c = *connection]() mutable { c.close(); });
  }
  co_return times;
}

void run_pair(const Options& options) {
  constexpr auto kLeaf = crypto::SignatureAlgorithm::kEcdsaP256;
  const UnixMillis now = kClock.unix_now();
  stoq::core::testing::TestFleet fleet(now);
  const stoq::core::testing::TestNode server(fleet, "server", now, 24 * 3600 * kSecond, kLeaf);
  const stoq::core::testing::TestNode client(fleet, "client", now, 24 * 3600 * kSecond, kLeaf);
  fleet.enrol(server);
  fleet.enrol(client);
  const auto threads = [](int cpu) {
    return rt::RuntimeConfig{.workers = 1,
                             .pool_threads = 1,
                             .worker_cpus = cpu >= 0 ? std::vector{cpu} : std::vector<int>{}};
  };
  rt::Runtime server_runtime(threads(options.peer_cpu));
  rt::Runtime client_runtime(threads(options.cpu));
  stoq::TransportConfig config;
  config.bind.ip[15] = 1;  // ::1
  config.profiles.front().tls.signature_algorithms = "ecdsa_secp256r1_sha256";
  const auto listening = value(stoq::Transport::create(config, server_runtime, server, fleet));
  const auto dialling = value(stoq::Transport::create(config, client_runtime, client, fleet));
  asio::co_spawn(server_runtime.control(), serve(listening.get()), asio::detached);
  const Timestamp until =
      kClock.now() + static_cast<Duration>(options.duration * static_cast<double>(kSecond));
  const auto times =
      value(asio::co_spawn(client_runtime.control(),
                           handshakes(dialling.get(), listening->local_address(), false, until),
                           asio::use_future)
                .get());
  std::printf("%s\n", percentiles(times, options.duration).dump().c_str());
  asio::co_spawn(client_runtime.control(), dialling->shutdown(), asio::use_future).get();
  asio::co_spawn(server_runtime.control(), listening->shutdown(), asio::use_future).get();
}

nlohmann::json run_idle(Side& side, stoq::SocketAddress peer, const Options& options) {
  std::vector<Connection> held;
  const std::uint64_t before = resident_bytes();
  for (std::size_t i = 0; i < options.connections; ++i) {
    held.push_back(
        value(asio::co_spawn(side.runtime.control(),
                             side.transport->connect(peer, {.resume = false}), asio::use_future)
                  .get()));
  }
  const std::uint64_t after = resident_bytes();
  return {{"connections", held.size()}, {"bytes_per_connection", (after - before) / held.size()}};
}

void run_client(const Options& options) {
  Side side(options, "client", {});
  const auto peer = value(stoq::SocketAddress::parse(options.address));
  const auto connection =
      value(asio::co_spawn(side.runtime.control(), side.transport->connect(peer), asio::use_future)
                .get());
  const Timestamp until =
      kClock.now() + static_cast<Duration>(options.duration * static_cast<double>(kSecond));
  nlohmann::json out;
  if (options.what == "bulk") {
    out = run_bulk(connection, options);
  } else if (options.what == "request") {
    out = percentiles(
        value(
            asio::co_spawn(connection.executor(), echo(connection, until), asio::use_future).get()),
        options.duration);
  } else if (options.what == "idle") {
    out = run_idle(side, peer, options);
  } else {
    out = percentiles(value(asio::co_spawn(side.runtime.control(),
                                           handshakes(side.transport.get(), peer,
                                                      options.what == "resumed", until),
                                           asio::use_future)
                                .get()),
                      options.duration);
  }
  std::printf("%s\n", out.dump().c_str());
  asio::co_spawn(side.runtime.control(), side.transport->shutdown(), asio::use_future).get();
}

int main_of(int argc, char** argv) {
  Options options;
  bool json = true;
  CLI::App app("The stoq transport through its own API");
  app.require_subcommand(1);
  auto* const keys = app.add_subcommand("keys", "make a fleet of two nodes");
  keys->add_option("--out", options.keys)->required();
  auto* const server = app.add_subcommand("server", "serve until SIGTERM");
  server->add_option("--bind", options.address)->required();
  auto* const client = app.add_subcommand("client", "measure and print JSON");
  client->add_option("--peer", options.address)->required();
  client->add_option("--duration", options.duration, "seconds");
  client->add_option("--streams", options.streams);
  client->add_option("--connections", options.connections, "for idle");
  client->add_option("--what", options.what)
      ->check(CLI::IsMember({"bulk", "request", "handshake", "resumed", "idle"}));
  client->add_flag("--json", json, "always on");
  auto* const pair = app.add_subcommand("pair", "both sides, P-256 leaves, print JSON");
  pair->add_option("--duration", options.duration, "seconds");
  pair->add_option("--cpu", options.cpu, "of the side that dials");
  pair->add_option("--peer-cpu", options.peer_cpu);
  for (auto* const side : {server, client}) {
    side->add_option("--keys", options.keys)->required();
    side->add_option("--cpu", options.cpu);
    side->add_option("--payload", options.payload, "largest UDP payload");
  }
  CLI11_PARSE(app, argc, argv);
  // Signals are waited for, and block in every thread made later.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (*keys) {
    make_keys(options);
  } else if (*server) {
    run_server(options);
  } else if (*pair) {
    run_pair(options);
  } else {
    run_client(options);
  }
  return 0;
}

}  // namespace
}  // namespace i2::bench

int main(int argc, char** argv) {
  return i2::bench::run_main("bench_stoq", [&] { return i2::bench::main_of(argc, argv); });
}
