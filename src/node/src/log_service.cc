#include "log_service.h"

#include <i2/node/closed_logs.h>

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
  std::unique_ptr<LogService> out(new LogService(std::move(parts)));
  I2_TRY(out->open_closed());
  std::error_code error;
  if ((out->parts_.may_create && out->parts_.trust.is_founder()) ||
      fs::exists(out->parts_.data_dir / "ct" / "log", error)) {
    I2_TRY(out->open_log());
  }
  return out;
}

Result<void> LogService::make() {
  const std::scoped_lock lock(mutex_);
  if (log_ != nullptr) {
    return {};
  }
  if (!parts_.may_create) {
    return fail("trust.no_log", "this node keeps no transparency log in the mode that it runs in");
  }
  return open_log();
}

Result<void> LogService::open_closed() {
  I2_TRY_VALUE(const auto folders, closed_logs(parts_.data_dir));
  for (const fs::path& dir : folders) {
    I2_TRY_VALUE(auto keys, read_public_log_keys(dir / "keys"));
    I2_TRY_VALUE(auto database,
                 store::KeyValueStore::open(dir / "log", store::KeyValueStore::Mode::kExisting));
    auto one = std::make_unique<Closed>(std::move(database));
    const std::string name = keys.front().name();
    I2_TRY_VALUE(one->log, CtLog::open_closed({.objects = one->store,
                                               .lock = one->store,
                                               .index = one->index,
                                               .guard = {},
                                               .origin = name,
                                               .key = std::nullopt,
                                               .cosigners = {},
                                               .roots = parts_.roots,
                                               .clock = parts_.clock,
                                               .post = {},
                                               .room = {},
                                               .stopped = {}},
                                              std::move(keys)));
    parts_.own.add_closed(*one->log, [&trust = parts_.trust](const CtLog& log) {
      return is_fleets(log, trust).value_or(false);
    });
    closed_.push_back(std::move(one));
  }
  if (const CtLog* const log = parts_.own.restored()) {
    parts_.log.warning("trust", "log_restored", trustchain::log_restored().message(),
                       {{"origin", log->parts().origin}, {"entries", log->view()->size()}});
  }
  return {};
}

// C2SP tlog-checkpoint: an origin names one log. The first one of the founder has the fleet's name,
// one that may follow it also its node's, and after a restore the time at which it begins.
Result<std::string> LogService::origin() const {
  I2_TRY_VALUE(auto present, trustchain::origin_of(*store_));
  if (present) {
    return *std::move(present);
  }
  std::string out = "i2.internal/" + parts_.trust.chain_id().hex() + "/ct";
  if (!parts_.trust.is_founder() || !closed_.empty()) {
    out += '/' + parts_.trust.node_id().hex();
  }
  return closed_.empty() ? out : out + '/' + std::to_string(parts_.clock.unix_now());
}

Result<void> LogService::open_log() {
  const fs::path dir = parts_.data_dir / "ct";
  I2_TRY(make_private_folder(dir));
  I2_TRY(make_private_folder(dir / "keys"));
  store_.reset();
  I2_TRY_VALUE(database_,
               store::KeyValueStore::open(
                   dir / "log", parts_.may_create ? store::KeyValueStore::Mode::kCreate
                                                  : store::KeyValueStore::Mode::kExisting));
  store_.emplace(*database_);
  index_.emplace(*database_);
  I2_TRY_VALUE(const std::string name, origin());
  I2_TRY_VALUE(LogKeys keys, load_log_keys(dir / "keys", name, parts_.may_create));
  const Bytes spki = to_bytes(keys.key.public_key().spki());
  I2_TRY_VALUE(
      log_,
      CtLog::open(
          {.objects = *store_,
           .lock = *store_,
           .index = *index_,
           .guard = dir / "head",
           .origin = name,
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
           .fence = [this, spki] { return check_fence(spki); }},
          parts_.may_create ? CtLog::Mode::kCreate : CtLog::Mode::kExisting));
  const auto view = log_->view();
  parts_.own.set(*log_);
  parts_.log.info("trust", "log_opened", "this node writes a transparency log",
                  {{"origin", name}, {"entries", view->size()}});
  return {};
}

Result<void> LogService::check_fence(ByteView spki) const {
  if (parts_.own.restored() != nullptr) {
    return fail(trustchain::log_restored());
  }
  const auto members = parts_.trust.members();
  I2_TRY_VALUE(const auto record, members->trust().log());
  const bool named =
      record && record->holder == parts_.trust.node_id() && equal(ByteView(record->spki), spki);
  if (!named && (record || !parts_.trust.is_founder())) {
    return fail("trust.log_fenced", "the log of this node is not the fleet's: it promises nothing");
  }
  return {};
}

Result<void> LogService::ready() const {
  const trustchain::CtLog* const log = parts_.own.get();
  if (log == nullptr || log->stats().stopped) {
    return fail("trust.log_stopped", "the log takes nothing until the next start");
  }
  return room(0);
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
    if (trustchain::CtLog* const log = parts_.own.get()) {
      log->refresh();
    }
    co_await wakeup_.wait(kRefreshInterval);
  }
}

void LogService::stop_refreshing() {
  stopping_ = true;
  wakeup_.wake();
}

void LogService::stop() {
  if (trustchain::CtLog* const log = parts_.own.get()) {
    log->stop();
  }
}

telemetry::LayerHealth LogService::health() const {
  telemetry::LayerHealth out;
  const trustchain::CtLog* const log = parts_.own.get();
  if (parts_.own.restored() != nullptr) {
    out.health = telemetry::Health::kDegraded;
    out.reason = trustchain::log_restored().message();
  } else if (log != nullptr && log->stats().stopped) {
    out.health = telemetry::Health::kDegraded;
    out.reason = "the transparency log takes nothing until the next start: see the daemon's log";
  }
  return out;
}

}  // namespace i2::node
