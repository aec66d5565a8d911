// A transparency log on a disk, with all of its keys, as a daemon has one.
#pragma once

#include <i2/store/key_value_store.h>
#include <i2/trustchain/ct_log.h>
#include <i2/trustchain/local_log_store.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>

namespace i2::bench {

template <class T>
T good(Result<T> result) {
  if (!result) {
    throw std::runtime_error(result.error().to_string());
  }
  return std::move(*result);
}
inline void good(const Result<void>& result) {
  if (!result) {
    throw std::runtime_error(result.error().to_string());
  }
}

class DurableLog {
 public:
  // In `dir`, which is there. Takes certificates below `root`.
  DurableLog(const std::filesystem::path& dir, crypto::Certificate root, const Clock& clock,
             trustchain::CtLog::Post post)
      : database_(
            good(store::KeyValueStore::open(dir / "log", store::KeyValueStore::Mode::kCreate))) {
    constexpr std::string_view kOrigin = "i2.internal/bench/ct";
    std::vector<trustchain::ct::NoteSigner> cosigners;
    for (const auto& [algorithm, type] :
         {std::pair(crypto::SignatureAlgorithm::kMlDsa44,
                    trustchain::ct::NoteKeyType::kMlDsa44Cosignature),
          std::pair(crypto::SignatureAlgorithm::kFalcon1024,
                    trustchain::ct::NoteKeyType::kFalconCosignature)}) {
      cosigners.push_back(good(trustchain::ct::NoteSigner::make(
          std::string(kOrigin), type,
          good(crypto::PrivateKey::generate(algorithm, crypto::FalconArithmetic::kNativeDouble)))));
    }
    log_ = good(trustchain::CtLog::open(
        {.objects = local_,
         .lock = local_,
         .index = index_,
         .guard = dir / "head",
         .origin = std::string(kOrigin),
         .key = good(crypto::PrivateKey::generate(crypto::SignatureAlgorithm::kEcdsaP256)),
         .cosigners = std::move(cosigners),
         .roots = [root = std::move(root)] { return std::vector{root}; },
         .clock = clock,
         .post = std::move(post),
         .room = [](std::size_t) { return Result<void>(); },
         .stopped = [](const Error& why) { std::fputs(why.to_string().c_str(), stderr); }},
        trustchain::CtLog::Mode::kCreate));
  }
  DurableLog(const DurableLog&) = delete;
  DurableLog& operator=(const DurableLog&) = delete;

  [[nodiscard]] trustchain::CtLog& get() { return *log_; }

 private:
  std::unique_ptr<store::KeyValueStore> database_;
  trustchain::LocalLogStore local_{*database_};
  trustchain::LogIndex index_{*database_};
  std::unique_ptr<trustchain::CtLog> log_;
};

}  // namespace i2::bench
