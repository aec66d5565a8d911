// What the server itself can do, without storage, validation and issuance: signed requests of one
// account, P-256 unless said otherwise.
#include <benchmark/benchmark.h>

#include <nlohmann/json.hpp>

#include "../test/client.h"

namespace i2::trustchain::acme::testing {
namespace {

constexpr std::size_t kBatch = 256;

// Handles `payload` at `url` again and again; the client signs while the clock stands.
void handle(benchmark::State& state, World& world, Client& client, const std::string& url,
            const std::string& payload) {
  const std::string target = url.substr(kBase.size());
  while (state.KeepRunningBatch(kBatch)) {
    state.PauseTiming();
    std::vector<std::string> bodies;
    for (std::size_t i = 0; i < kBatch; ++i) {
      bodies.push_back(jws(client.header(url), payload, client.key).dump());
    }
    state.ResumeTiming();
    for (const std::string& body : bodies) {
      const Response response = world.handle({.method = "POST",
                                              .target = target,
                                              .content_type = "application/jose+json",
                                              .body = body});
      if (response.status / 100 != 2) {
        state.SkipWithError(response.body);
        return;
      }
    }
  }
  state.SetItemsProcessed(state.iterations());
}

void read_order(benchmark::State& state) {
  World world;
  Client client(world, static_cast<crypto::SignatureAlgorithm>(state.range(0)));
  client.join();
  handle(state, world, client, client.order({"a.example"}).header("location"), "");
}
BENCHMARK(read_order)
    ->Arg(static_cast<int>(crypto::SignatureAlgorithm::kEcdsaP256))
    ->Arg(static_cast<int>(crypto::SignatureAlgorithm::kEd25519));

void new_order(benchmark::State& state) {
  World world({.base_url = kBase, .new_orders = {}});
  Client client(world);
  client.join();
  handle(state, world, client, kNewOrder,
         R"({"identifiers":[{"type":"dns","value":"a.example"}]})");
}
BENCHMARK(new_order);

void new_nonce(benchmark::State& state) {
  World world;
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.server->handle(
        {.method = "HEAD", .target = "/new-nonce", .content_type = {}, .body = {}}, kNow));
  }
}
BENCHMARK(new_nonce);

}  // namespace
}  // namespace i2::trustchain::acme::testing

BENCHMARK_MAIN();
