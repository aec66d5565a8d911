// A log and what it is lent: a clock, a thread, keys and a place.
#pragma once

#include <i2/trustchain/ct_log.h>
#include <i2/trustchain/log_audit.h>
#include <i2/trustchain/testing/pool.h>

#include <atomic>
#include <future>

#include "ct/entries.h"
#include "log_back_end.h"

namespace i2::trustchain::testing {

inline constexpr UnixMillis kDay = 24ULL * 3600 * 1000;

class FixedClock final : public Clock {
 public:
  explicit FixedClock(UnixMillis at) : time(at) {}
  [[nodiscard]] Timestamp now() const override { return time * kMillisecond; }
  [[nodiscard]] UnixMillis unix_now() const override { return time; }
  std::atomic<UnixMillis> time;
};

inline std::vector<ct::NoteSigner> cosigners() {
  static const auto key =
      crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kMlDsa44).value();
  return {ct::NoteSigner::make(std::string(ct::testing::kOrigin),
                               ct::NoteKeyType::kMlDsa44Cosignature, key)
              .value()};
}

// The log of a process that starts, works and ends as often as a test wants.
class Home {
 public:
  explicit Home(const fs::path& dir) : dir_(dir) {
    fs::create_directories(dir);
    const fs::path file = dir / "key.pem";
    if (fs::exists(file)) {
      std::ifstream in(file);
      key =
          crypto::PrivateKey::from_pem(std::string(std::istreambuf_iterator<char>(in), {})).value();
      return;
    }
    key = crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256).value();
    std::ofstream(file) << as_text(key.pem().view());
  }

  // Opens, or opens again.
  Result<void> open(CtLog::Mode mode = CtLog::Mode::kCreate) {
    close();
    back_end_ = std::make_unique<LocalBackEnd>(dir_ / "log");
    failing_ = std::make_unique<FailingStore>(back_end_->objects(), back_end_->lock());
    I2_TRY_VALUE(log_, CtLog::open({.objects = *failing_,
                                    .lock = *failing_,
                                    .index = back_end_->index(),
                                    .guard = dir_ / "head",
                                    .origin = std::string(ct::testing::kOrigin),
                                    .key = key,
                                    .cosigners = cosigners(),
                                    .roots = [this] { return roots; },
                                    .clock = clock,
                                    .post = pool_.poster(),
                                    .room = [this](std::size_t size) { return room(size); },
                                    .stopped = [this](const Error&) { ++stops; },
                                    .published = {},
                                    .fence = [this] { return fence(); }},
                                   mode));
    return {};
  }
  // As from a backup, without any private key.
  Result<void> open_closed(std::vector<ct::NoteKey> keys) {
    close();
    back_end_ = std::make_unique<LocalBackEnd>(dir_ / "log");
    I2_TRY_VALUE(log_, CtLog::open_closed({.objects = back_end_->objects(),
                                           .lock = back_end_->lock(),
                                           .index = back_end_->index(),
                                           .guard = {},
                                           .origin = std::string(ct::testing::kOrigin),
                                           .key = std::nullopt,
                                           .cosigners = {},
                                           .roots = [this] { return roots; },
                                           .clock = clock,
                                           .post = {},
                                           .room = {},
                                           .stopped = {}},
                                          std::move(keys)));
    return {};
  }
  void close() {
    log_.reset();
    failing_.reset();
    back_end_.reset();
  }
  CtLog& log() { return *log_; }
  FailingStore& failing() { return *failing_; }
  LocalBackEnd& back_end() { return *back_end_; }
  const fs::path& dir() const { return dir_; }

  std::future<Result<Bytes>> submit(ct::Submission submission) {
    auto answer = std::make_shared<std::promise<Result<Bytes>>>();
    log().add_submission({.submission = std::move(submission), .issuers = {ct::testing::issuer()}},
                         [answer](Result<Bytes> sct) { answer->set_value(std::move(sct)); });
    return answer->get_future();
  }
  Result<ct::Sct> promised(ct::Submission submission) {
    I2_TRY_VALUE(const Bytes sct, submit(std::move(submission)).get());
    return ct::decode_sct(sct);
  }
  // All at once; the number of those that were promised.
  std::size_t fill(std::size_t first, std::size_t count) {
    std::vector<std::future<Result<Bytes>>> answers;
    for (const ct::Submission& one : ct::testing::submissions(first, count)) {
      answers.push_back(submit(one));
    }
    std::size_t good = 0;
    for (auto& answer : answers) {
      good += answer.get() ? 1 : 0;
    }
    return good;
  }
  std::string audit_code() {
    return code(audit(*log().view(), log().keys(), [](std::uint64_t) { return true; }));
  }

  crypto::PrivateKey key;  // the same in every process that has the folder
  FixedClock clock{ct::testing::kNow};
  std::vector<crypto::Certificate> roots;
  std::function<Result<void>(std::size_t)> room = [](std::size_t) { return Result<void>(); };
  std::function<Result<void>()> fence = [] { return Result<void>(); };
  std::atomic<int> stops = 0;

 private:
  fs::path dir_;
  Pool pool_{1};
  std::unique_ptr<LocalBackEnd> back_end_;
  std::unique_ptr<FailingStore> failing_;
  std::unique_ptr<CtLog> log_;
};

}  // namespace i2::trustchain::testing
