// The transparency log as an authority uses it: precertificates with P-256 keys go in, promises
// come out, everything durable.
//
//   bench_trust_log --dir DIR [--entries N] [--outstanding W] [--threads T]
//
// The precertificates are made beforehand. T threads hand them in, W are under way at a time, their
// chains are verified as those of strangers. DIR decides which disk is measured; how often it syncs
// 4 KiB is measured in the same run. Prints one JSON object.
#include <i2/crypto/provider.h>
#include <i2/rt/clock.h>
#include <i2/trustchain/core/issuance.h>
#include <i2/trustchain/core/ordinary.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <semaphore>
#include <thread>
#include <vector>

#include "durable_log.h"
#include "run_main.h"

namespace i2::bench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr UnixMillis kDay = 24ULL * 3600 * 1000;
constexpr std::size_t kRawWriteSize = 4096;
constexpr std::size_t kProofs = 2000;

struct Settings {
  std::string dir;
  std::size_t entries = 40'000;
  std::size_t outstanding = 2048;
  std::size_t threads = 2;
};

double milliseconds(Duration duration) {
  return static_cast<double>(duration) / static_cast<double>(kMillisecond);
}

// p50, p99 and the greatest.
json percentiles(std::vector<Duration> values) {
  std::ranges::sort(values);
  const auto at = [&](std::size_t percent) {
    return milliseconds(values[std::min(values.size() - 1, values.size() * percent / 100)]);
  };
  return {{"p50_ms", at(50)}, {"p99_ms", at(99)}, {"max_ms", milliseconds(values.back())}};
}

struct Authority {
  trustchain::OrdinaryAuthority made;
  std::vector<crypto::Certificate> precertificates;
};

Authority make_precertificates(std::size_t count, UnixMillis now) {
  const auto root_key = good(crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256));
  Authority out{.made = good(trustchain::make_ordinary_authority(root_key, "bench", now,
                                                                 [] { return Bytes(16, 0x77); })),
                .precertificates = {}};
  const auto key = good(crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256));
  crypto::CertificateFields fields{.subject_key = key.public_key(),
                                   .common_name = "node.bench.i2.internal",
                                   .dns_names = {"node.bench.i2.internal"},
                                   .not_before = now,
                                   .not_after = now + kDay,
                                   .serial = Bytes(16, 0x11)};
  fields.precertificate = true;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(fields.serial.data() + 4, &i, sizeof i);
    out.precertificates.push_back(
        good(crypto::build_certificate(fields, &out.made.certificate, out.made.key)));
  }
  return out;
}

// Synced writes in a second, of the database alone.
double raw_writes(const fs::path& dir, const Clock& clock) {
  const auto database = good(store::KeyValueStore::open(dir, store::KeyValueStore::Mode::kCreate));
  const Timestamp begin = clock.now();
  std::size_t count = 0;
  for (; clock.now() - begin < 2 * kSecond; ++count) {
    store::Batch batch;
    batch.put(to_bytes(as_bytes(std::to_string(count))), Bytes(kRawWriteSize, 1));
    good(database->commit(batch));
  }
  return static_cast<double>(count) * kSecond / static_cast<double>(clock.now() - begin);
}

std::uint64_t size_of_folder(const fs::path& dir) {
  std::uint64_t out = 0;
  for (const auto& file : fs::recursive_directory_iterator(dir)) {
    out += file.is_regular_file() ? file.file_size() : 0;
  }
  return out;
}

// Everything in; how long each promise took.
std::vector<Duration> fill(trustchain::CtLog& log, const Authority& authority,
                           const Settings& settings, const Clock& clock) {
  std::vector<Duration> times(authority.precertificates.size());
  std::counting_semaphore<> room(static_cast<std::ptrdiff_t>(settings.outstanding));
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < settings.threads; ++i) {
    threads.emplace_back([&] {
      for (std::size_t n = next++; n < times.size(); n = next++) {
        room.acquire();
        log.add(authority.precertificates[n], {authority.made.certificate, authority.made.root},
                [&, n, begin = clock.now()](const Result<Bytes>& sct) {
                  failed = failed || !sct;
                  times[n] = clock.now() - begin;
                  room.release();
                });
      }
    });
  }
  threads.clear();
  for (std::size_t i = 0; i < settings.outstanding; ++i) {
    room.acquire();
  }
  if (failed) {
    throw std::runtime_error("a precertificate was refused");
  }
  return times;
}

json proofs(const trustchain::CtLog& log, const Clock& clock) {
  const auto view = log.view();
  std::mt19937_64 random(1);
  std::vector<Duration> times;
  for (std::size_t i = 0; i < kProofs; ++i) {
    const Timestamp begin = clock.now();
    (void)good(view->inclusion_proof(random() % view->size(), view->size()));
    times.push_back(clock.now() - begin);
  }
  return percentiles(std::move(times));
}

int measure(const Settings& settings) {
  good(crypto::install_provider());
  const rt::SystemClock clock;
  const fs::path dir(settings.dir);
  fs::remove_all(dir);
  fs::create_directories(dir);
  const Authority authority = make_precertificates(settings.entries, clock.unix_now());
  const double raw_before = raw_writes(dir / "raw1", clock);
  json out;
  {
    boost::asio::thread_pool pool(1);
    DurableLog durable(dir, authority.made.root, clock,
                       [&](std::function<void()> job) { boost::asio::post(pool, std::move(job)); });
    trustchain::CtLog& log = durable.get();
    const Timestamp begin = clock.now();
    const std::clock_t cpu = std::clock();
    auto times = fill(log, authority, settings, clock);
    const double seconds = static_cast<double>(clock.now() - begin) / kSecond;
    const double cpu_seconds = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    out = {{"entries", settings.entries},
           {"cpu_us_per_entry", cpu_seconds * 1e6 / static_cast<double>(settings.entries)},
           {"entries_per_second", static_cast<double>(settings.entries) / seconds},
           {"rounds", log.stats().rounds},
           {"sct", percentiles(std::move(times))},
           {"inclusion_proof", proofs(log, clock)},
           {"tree_size", log.view()->size()}};
  }
  // As after a restart: RocksDB has written its log to tables.
  good(store::KeyValueStore::open(dir / "log", store::KeyValueStore::Mode::kExisting));
  out["bytes_per_entry"] =
      static_cast<double>(size_of_folder(dir / "log")) / static_cast<double>(settings.entries);
  out["precertificate_bytes"] = authority.precertificates.front().der().size();
  out["raw_durable_writes_per_second"] = {raw_before, raw_writes(dir / "raw2", clock)};
  std::puts(out.dump(2).c_str());
  fs::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace i2::bench

int main(int argc, char** argv) {
  return i2::bench::run_main("bench_trust_log", [&] {
    i2::bench::Settings settings;
    CLI::App app("the transparency log");
    app.add_option("--dir", settings.dir, "an empty or absent folder on the disk to measure")
        ->required();
    app.add_option("--entries", settings.entries);
    app.add_option("--outstanding", settings.outstanding);
    app.add_option("--threads", settings.threads);
    CLI11_PARSE(app, argc, argv);
    return i2::bench::measure(settings);
  });
}
