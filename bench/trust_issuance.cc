// Certificates in a second: an authority on a real disk, asked by so many clients at a time.
//
//   sign        P-256 signatures, one thread
//   sync        batches of one record, each on disk
//   logged      issue() with a log that only promises (it signs, and keeps nothing)
//   unlogged    issue() without a log: what a renewal costs
//
// A client asks again when it has its answer, so that latency and rate belong together.
#include <i2/rt/clock.h>
#include <i2/trustchain/testing/authority.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>
#include <semaphore>

#include "run_main.h"

namespace i2::bench {
namespace {

using namespace trustchain;
using Steady = std::chrono::steady_clock;

struct Options {
  std::string dir = "bench-trust";
  std::size_t clients = 64;
  double seconds = 5;
  std::size_t threads = 2;
  bool json = false;
};

double since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

double signatures(double seconds) {
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const Bytes message(600, 1);
  const auto start = Steady::now();
  std::size_t count = 0;
  for (; since(start) < seconds; ++count) {
    key.sign(message).value();
  }
  return static_cast<double>(count) / since(start);
}

double syncs(const std::filesystem::path& dir, double seconds) {
  const auto database =
      store::KeyValueStore::open(dir, store::KeyValueStore::Mode::kCreate).value();
  const auto start = Steady::now();
  std::size_t count = 0;
  for (; since(start) < seconds; ++count) {
    store::Batch batch;
    batch.put(Bytes(16, static_cast<std::uint8_t>(count)), Bytes(1500, 1));
    database->commit(batch).value();
  }
  return static_cast<double>(count) / since(start);
}

struct Rate {
  double per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double batch = 0;
};

// Asks until the time is over; the answers count themselves.
class Load {
 public:
  Load(CertificateAuthority& authority, const Options& options)
      : authority_(authority), options_(options) {}

  Rate run() {
    const auto start = Steady::now();
    for (std::size_t i = 0; i < options_.clients; ++i) {
      ask(start);
    }
    for (std::size_t i = 0; i < options_.clients; ++i) {
      ended_.acquire();
    }
    const double seconds = since(start);
    const std::scoped_lock lock(mutex_);
    std::ranges::sort(times_);
    const auto at = [this](double q) {
      return times_[static_cast<std::size_t>(q * static_cast<double>(times_.size() - 1))] * 1000;
    };
    return {.per_second = static_cast<double>(times_.size()) / seconds,
            .p50_ms = at(0.5),
            .p99_ms = at(0.99),
            .batch = static_cast<double>(times_.size()) /
                     static_cast<double>(authority_.stats().batches)};
  }

 private:
  void ask(Steady::time_point start) {
    const auto asked = Steady::now();
    authority_.issue(request_, testing::server("web.example"),
                     [this, start, asked](const Result<Issued>& issued) {
                       if (!issued) {
                         std::fprintf(stderr, "%s\n", issued.error().to_string().c_str());
                         std::abort();
                       }
                       {
                         const std::scoped_lock lock(mutex_);
                         times_.push_back(since(asked));
                       }
                       if (since(start) < options_.seconds) {
                         ask(start);
                       } else {
                         ended_.release();
                       }
                     });
  }
  CertificateAuthority& authority_;
  const Options& options_;
  const crypto::CertificateRequest request_ =
      testing::request_for(testing::subject_key(), "web.example");
  std::mutex mutex_;
  std::vector<double> times_;
  std::counting_semaphore<> ended_{0};
};

Rate issuance(const Options& options, bool logged) {
  const rt::SystemClock clock;
  const std::filesystem::path dir = std::filesystem::path(options.dir) / "issued";
  std::filesystem::remove_all(dir);
  const auto store = CertificateStore::open(dir, clock.unix_now()).value();
  IssuerSet issuers(*store, "http://ca.home.i2.internal/ca");
  testing::add_to(issuers, testing::make_authority(clock.unix_now())).value();
  testing::PromisingLog log(clock);
  testing::Pool pool(options.threads);
  CertificateAuthority authority({.store = *store,
                                  .issuers = issuers,
                                  .clock = clock,
                                  .post = pool.poster(),
                                  .log = logged ? &log : nullptr,
                                  .limits = {.per_requester = {}}});
  return Load(authority, options).run();
}

nlohmann::json to_json(const Rate& rate) {
  return {{"per_second", rate.per_second},
          {"p50_ms", rate.p50_ms},
          {"p99_ms", rate.p99_ms},
          {"batch", rate.batch}};
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("certificates in a second");
  app.add_option("--dir", options.dir, "where it writes; on the disk that is meant");
  app.add_option("--clients", options.clients, "that ask at the same time");
  app.add_option("--seconds", options.seconds, "of each measurement");
  app.add_option("--threads", options.threads, "of the authority");
  app.add_flag("--json", options.json, "as an object");
  CLI11_PARSE(app, argc, argv);
  std::filesystem::create_directories(options.dir);
  const double raw = signatures(options.seconds);
  const double synced = syncs(std::filesystem::path(options.dir) / "syncs", options.seconds);
  const Rate logged = issuance(options, true);
  const Rate unlogged = issuance(options, false);
  std::filesystem::remove_all(options.dir);
  if (options.json) {
    std::puts(nlohmann::json{{"sign_per_second", raw},
                             {"sync_per_second", synced},
                             {"logged", to_json(logged)},
                             {"unlogged", to_json(unlogged)}}
                  .dump()
                  .c_str());
    return 0;
  }
  std::puts(std::format("sign      {:8.0f} /s", raw).c_str());
  std::puts(std::format("sync      {:8.0f} /s", synced).c_str());
  for (const auto& [name, rate] : {std::pair("logged", logged), std::pair("unlogged", unlogged)}) {
    std::puts(std::format("{:9} {:8.0f} /s  p50 {:6.1f} ms  p99 {:6.1f} ms  {:5.1f} in a batch",
                          name, rate.per_second, rate.p50_ms, rate.p99_ms, rate.batch)
                  .c_str());
  }
  return 0;
}

}  // namespace
}  // namespace i2::bench

int main(int argc, char** argv) {
  return i2::bench::run_main("bench_trust_issuance", [&] { return i2::bench::run(argc, argv); });
}
