#include "log_service.h"

#include <boost/asio/post.hpp>
#include <system_error>

#include "log_keys.h"
#include "secret_file.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;
using trustchain::CtLog;

// Half of what the log promises, so that one that comes late still is in time.
constexpr Duration kRefreshInterval = 30 * kSecond;
// What the ledger and everything else on the disk need to go on.
constexpr std::uintmax_t kRoomLeft = 64 * 1024 * 1024;

}  // namespace

Result<std::unique_ptr<LogService>> LogService::open(Parts parts) {
  const fs::path dir = parts.data_dir / "ct";
  std::error_code error;
  if (!parts.may_create && !fs::exists(dir / "log", error)) {
    return nullptr;
  }
  std::unique_ptr<LogService> out(new LogService(std::move(parts)));
  I2_TRY(make_private_folder(dir));
  I2_TRY(make_private_folder(dir / "keys"));
  I2_TRY(out->open_closed());
  I2_TRY_VALUE(out->database_,
               store::KeyValueStore::open(
                   dir / "log", out->parts_.may_create ? store::KeyValueStore::Mode::kCreate
                                                       : store::KeyValueStore::Mode::kExisting));
  out->store_.emplace(*out->database_);
  out->index_.emplace(*out->database_);
  I2_TRY(out->open_log());
  return out;
}

Result<void> LogService::open_closed() {
  I2_TRY_VALUE(const auto folders, closed_logs(parts_.data_dir));
  for (const fs::path& dir : folders) {
    I2_TRY_VALUE(auto keys, read_public_log_keys(dir / "keys"));
    I2_TRY_VALUE(auto database,
                 store::KeyValueStore::open(dir / "log", store::KeyValueStore::Mode::kExisting));
    auto one = std::make_unique<Closed>(std::move(database));
    const std::string origin = keys.front().name();
    I2_TRY_VALUE(one->log, CtLog::open_closed({.objects = one->store,
                                               .lock = one->store,
                                               .index = one->index,
                                               .guard = {},
                                               .origin = origin,
                                               .key = std::nullopt,
                                               .cosigners = {},
                                               .roots = parts_.roots,
                                               .clock = parts_.clock,
                                               .post = {},
                                               .room = {},
                                               .stopped = {}},
                                              std::move(keys)));
    closed_.push_back(std::move(one));
  }
  if (const CtLog* const log = restored()) {
    parts_.log.warning("trust", "log_restored", trustchain::log_restored().message(),
                       {{"origin", log->parts().origin}, {"entries", log->view()->size()}});
  }
  return {};
}

CtLog* LogService::restored() const {
  const auto fleets = closed_.empty() ? std::nullopt : parts_.fleets_log();
  for (const auto& one : closed_) {
    if (fleets && one->log->keys().front().key().spki() == *fleets) {
      return one->log.get();
    }
  }
  return nullptr;
}

CtLog& LogService::shown() {
  CtLog* const closed = restored();
  return closed != nullptr ? *closed : *log_;
}

Result<void> LogService::open_log() {
  const fs::path dir = parts_.data_dir / "ct";
  I2_TRY_VALUE(const std::string origin,
               log_origin(*store_, parts_.chain, closed_.empty(), parts_.clock.unix_now()));
  I2_TRY_VALUE(LogKeys keys, load_log_keys(dir / "keys", origin, parts_.may_create));
  I2_TRY_VALUE(
      log_,
      CtLog::open(
          {.objects = *store_,
           .lock = *store_,
           .index = *index_,
           .guard = dir / "head",
           .origin = origin,
           .key = std::move(keys.key),
           .cosigners = std::move(keys.cosigners),
           .roots = parts_.roots,
           .clock = parts_.clock,
           .post = [pool = parts_.runtime.pool()](
                       std::function<void()> job) { boost::asio::post(pool, std::move(job)); },
           .room = [this](std::size_t size) { return room(size); },
           .stopped =
               [&log = parts_.log](const Error& why) {
                 log.error("trust", "log_stopped", why.message(), {{"error", why.code()}});
               },
           .published = parts_.published,
           .promising =
               [this] {
                 return restored() != nullptr ? fail(trustchain::log_restored()) : Result<void>();
               }},
          parts_.may_create ? CtLog::Mode::kCreate : CtLog::Mode::kExisting));
  const auto view = log_->view();
  parts_.log.info("trust", "log_opened", "this node writes the fleet's transparency log",
                  {{"origin", origin}, {"entries", view->size()}});
  return {};
}

Result<void> LogService::room(std::size_t size) const {
  std::error_code error;
  const fs::space_info space = fs::space(parts_.data_dir, error);
  if (!error && space.available < kRoomLeft + size) {
    return fail("store.disk_full", "the disk of '" + parts_.data_dir.string() +
                                       "' is almost full: the log waits until there is room");
  }
  return {};
}

void LogService::start() {
  parts_.tasks.spawn(parts_.runtime.control(), refresh());
}

Task<> LogService::refresh() {
  while (!stopping_) {
    log_->refresh();
    co_await wakeup_.wait(kRefreshInterval);
  }
}

void LogService::stop_refreshing() {
  stopping_ = true;
  wakeup_.wake();
}

telemetry::LayerHealth LogService::health() const {
  telemetry::LayerHealth out;
  if (restored() != nullptr) {
    out.health = telemetry::Health::kDegraded;
    out.reason = trustchain::log_restored().message();
  } else if (log_->stats().stopped) {
    out.health = telemetry::Health::kDegraded;
    out.reason = "the transparency log takes nothing until the next start: see the daemon's log";
  }
  return out;
}

}  // namespace i2::node
