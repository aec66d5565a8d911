// Certificates in a second: an authority on a real disk, asked by so many clients at a time.
//
//   sign        P-256 signatures, one thread
//   sync        batches of one record, each on disk
//   logged      issue() with a log on the same disk: its entries are durable before its promises
//   promised    issue() with a log that only signs, and keeps nothing
//   unlogged    issue() without a log: what a renewal costs
//   falcon      members' Falcon leaves, without a log, beside what as many threads sign with an
//               anchor (constant-time arithmetic)
//
// A client asks again when it has its answer, so that latency and rate belong together.
#include <i2/rt/clock.h>
#include <i2/trustchain/core/leaf.h>
#include <i2/trustchain/testing/authority.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <format>
#include <nlohmann/json.hpp>
#include <semaphore>
#include <thread>

#include "durable_log.h"
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

double signatures(const crypto::PrivateKey& key, std::size_t threads, double seconds) {
  const Bytes message(600, 1);
  const auto start = Steady::now();
  std::atomic<std::size_t> count = 0;
  {
    std::vector<std::jthread> signers;
    for (std::size_t i = 0; i < threads; ++i) {
      signers.emplace_back([&] {
        for (; since(start) < seconds; ++count) {
          key.sign(message).value();
        }
      });
    }
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
  Load(CertificateAuthority& authority, const Options& options, crypto::CertificateRequest request,
       Application application)
      : authority_(authority),
        options_(options),
        request_(std::move(request)),
        application_(std::move(application)) {}

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
    authority_.issue(request_, application_, [this, start, asked](const Result<Issued>& issued) {
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
  const crypto::CertificateRequest request_;
  const Application application_;
  std::mutex mutex_;
  std::vector<double> times_;
  std::counting_semaphore<> ended_{0};
};

struct Falcon {
  double sign_per_second = 0;
  Rate rate{};
};

Falcon falcon(const Options& options) {
  const rt::SystemClock clock;
  const UnixMillis now = clock.unix_now();
  const auto key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kFalcon1024).value();
  const UnixMillis from = now - kLeafBackdateMs;
  const UnixMillis until = now + kAnchorLifeMs;
  const auto anchor = make_anchor_certificate(key, from, until, Bytes(16, 1)).value();
  const std::filesystem::path dir = std::filesystem::path(options.dir) / "falcon";
  std::filesystem::remove_all(dir);
  const auto store = CertificateStore::open(dir, now).value();
  IssuerSet issuers(*store, "");
  issuers
      .add(IssuerKind::kAnchor,
           {.certificate = anchor, .key = key, .not_before = from, .not_after = until}, {anchor})
      .value();
  testing::Pool pool(options.threads);
  CertificateAuthority authority({.store = *store,
                                  .issuers = issuers,
                                  .clock = clock,
                                  .post = pool.poster(),
                                  .limits = {.per_requester = {}}});
  Falcon out{.sign_per_second = signatures(key, options.threads, options.seconds)};
  out.rate =
      Load(authority, options, make_leaf_request("alpha", "home").value().request,
           {.profile = Profile::kNode,
            .applicant = {.role = Requester::kNode, .member_name = "alpha", .fleet_name = "home"},
            .requester = "alpha",
            .common_name = "alpha",
            .dns_names = {leaf_dns_name("alpha", "home")}})
          .run();
  return out;
}

enum class Log : std::uint8_t { kNone, kPromising, kDurable };

Rate issuance(const Options& options, Log which) {
  const rt::SystemClock clock;
  const std::filesystem::path dir = std::filesystem::path(options.dir) / "issued";
  std::filesystem::remove_all(dir);
  const auto store = CertificateStore::open(dir, clock.unix_now()).value();
  IssuerSet issuers(*store, "http://ca.home.i2.internal/ca");
  const OrdinaryAuthority keys = testing::make_authority(clock.unix_now());
  testing::add_to(issuers, keys).value();
  testing::Pool pool(options.threads);
  testing::PromisingLog promising(clock);
  std::optional<DurableLog> durable;
  LogClient* log = which == Log::kPromising ? &promising : nullptr;
  if (which == Log::kDurable) {
    log = &durable.emplace(dir, keys.root, clock, pool.poster()).get();
  }
  CertificateAuthority authority({.store = *store,
                                  .issuers = issuers,
                                  .clock = clock,
                                  .post = pool.poster(),
                                  .log = log,
                                  .limits = {.per_requester = {}}});
  return Load(authority, options, testing::request_for(testing::subject_key(), "web.example"),
              testing::server("web.example"))
      .run();
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
  const auto ecdsa = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
  const double raw = signatures(ecdsa, 1, options.seconds);
  const double synced = syncs(std::filesystem::path(options.dir) / "syncs", options.seconds);
  const Rate logged = issuance(options, Log::kDurable);
  const Rate promised = issuance(options, Log::kPromising);
  const Rate unlogged = issuance(options, Log::kNone);
  const Falcon members = falcon(options);
  std::filesystem::remove_all(options.dir);
  if (options.json) {
    std::puts(nlohmann::json{{"sign_per_second", raw},
                             {"sync_per_second", synced},
                             {"logged", to_json(logged)},
                             {"promised", to_json(promised)},
                             {"unlogged", to_json(unlogged)},
                             {"falcon_sign_per_second", members.sign_per_second},
                             {"falcon", to_json(members.rate)}}
                  .dump()
                  .c_str());
    return 0;
  }
  std::puts(std::format("sign      {:8.0f} /s", raw).c_str());
  std::puts(std::format("sync      {:8.0f} /s", synced).c_str());
  std::puts(std::format("falcon s. {:8.0f} /s", members.sign_per_second).c_str());
  for (const auto& [name, rate] :
       {std::pair("logged", logged), std::pair("promised", promised),
        std::pair("unlogged", unlogged), std::pair("falcon", members.rate)}) {
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
