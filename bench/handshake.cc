// CPU cost of a verified stoq/1 connection: both ends in one thread on the in-memory network, with
// real keys, certificates and HELLOs. Virtual time passes; what is measured is the work.
//
// One iteration is: connect, TLS 1.3 with X25519MLKEM768, both HELLOs verified, close on both
// sides.
#include <benchmark/benchmark.h>
#include <i2/stoq/core/testing/network.h>
#include <malloc.h>

namespace i2::stoq::core {
namespace {

constexpr UnixMillis kUnixStart = 1'750'000'000'000;

struct Pair {
  explicit Pair(crypto::SignatureAlgorithm leaf)
      : fleet(kUnixStart),
        alpha(fleet, "alpha", kUnixStart, 24 * 3600 * kSecond, leaf),
        beta(fleet, "beta", kUnixStart, 24 * 3600 * kSecond, leaf),
        network(1) {
    TlsPolicy policy;
    if (leaf == crypto::SignatureAlgorithm::kEcdsaP256) {
      policy.signature_algorithms = "ecdsa_secp256r1_sha256";
    }
    auto tls = TlsContext::create(policy);
    fleet.enrol(alpha);
    fleet.enrol(beta);
    network.add_host({}, *tls, alpha, fleet);
    network.add_host({}, *tls, beta, fleet);
    network.link.delay = kMillisecond;
  }

  // False when the connection did not come about.
  bool connect(Endpoint::ConnectOptions options) {
    network.host(0).events.clear();
    network.host(1).events.clear();
    const auto handle = network.connect(0, 1, std::move(options));
    if (!handle) {
      return false;
    }
    connection = *handle;
    return network.run_until([&] { return connected(0) && connected(1); }, kSecond);
  }
  [[nodiscard]] bool connected(std::size_t host) {
    for (const Event& event : network.host(host).events) {
      if (event.kind == EventKind::kConnected) {
        return true;
      }
    }
    return false;
  }
  Endpoint::ConnectOptions close() {
    network.run_for(10 * kMillisecond);  // the ticket and the token arrive
    auto client = *network.host(0).endpoint->find(connection);
    Endpoint::ConnectOptions next{client.take_session(), client.take_token()};
    client.close(0, "");
    network.run_for(10 * kSecond);  // until nothing is left on either side
    return next;
  }

  testing::TestFleet fleet;
  testing::TestNode alpha;
  testing::TestNode beta;
  testing::Network network;
  ConnectionHandle connection;
};

void run(benchmark::State& state, crypto::SignatureAlgorithm leaf, bool resume) {
  Pair pair(leaf);
  Endpoint::ConnectOptions next;
  if (!pair.connect({})) {
    state.SkipWithError("no connection");
    return;
  }
  next = pair.close();
  for (auto _ : state) {
    if (!pair.connect(resume ? std::move(next) : Endpoint::ConnectOptions{})) {
      state.SkipWithError("no connection");
      return;
    }
    next = pair.close();
  }
  state.counters["handshakes/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void mutual_falcon1024(benchmark::State& state) {
  run(state, crypto::SignatureAlgorithm::kFalcon1024, false);
}
void mutual_p256(benchmark::State& state) {
  run(state, crypto::SignatureAlgorithm::kEcdsaP256, false);
}
void resumed(benchmark::State& state) {
  run(state, crypto::SignatureAlgorithm::kFalcon1024, true);
}

// Heap bytes that one idle, verified connection takes on both sides together.
void idle_connection(benchmark::State& state) {
  Pair pair(crypto::SignatureAlgorithm::kFalcon1024);
  constexpr std::size_t kCount = 200;
  std::size_t before = 0;
  std::size_t after = 0;
  for (auto _ : state) {
    before = mallinfo2().uordblks;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (!pair.connect({})) {
        state.SkipWithError("no connection");
        return;
      }
    }
    pair.network.run_for(kSecond);
    after = mallinfo2().uordblks;
  }
  state.counters["bytes/side"] = static_cast<double>(after - before) / kCount / 2;
}

BENCHMARK(mutual_falcon1024)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK(mutual_p256)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK(resumed)->Unit(benchmark::kMillisecond)->MinTime(2);
BENCHMARK(idle_connection)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace i2::stoq::core

BENCHMARK_MAIN();
