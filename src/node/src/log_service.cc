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

// The founder's log has the fleet's name. One that may follow it is another log (C2SP
// tlog-checkpoint: an origin names one log), named after its node.
std::string log_origin(const fleet::TrustStore& trust, bool of_founder) {
  const std::string first = "i2.internal/" + trust.chain_id().hex() + "/ct";
  return of_founder ? first : first + '/' + trust.node_id().hex();
}

}  // namespace

bool LogService::is_founder() const {
  return parts_.trust.members()->genesis().first_member.node_id == parts_.trust.node_id();
}

Result<std::unique_ptr<LogService>> LogService::open(Parts parts) {
  std::unique_ptr<LogService> out(new LogService(std::move(parts)));
  std::error_code error;
  if ((out->parts_.may_create && out->is_founder()) ||
      fs::exists(out->parts_.data_dir / "ct", error)) {
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
  const std::string origin = log_origin(parts_.trust, is_founder());
  I2_TRY_VALUE(LogKeys keys, load_log_keys(dir / "keys", origin, parts_.may_create));
  const Bytes spki = to_bytes(keys.key.public_key().spki());
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
           .fence = [this, spki] { return check_fence(spki); }},
          parts_.may_create ? CtLog::Mode::kCreate : CtLog::Mode::kExisting));
  const auto view = log_->view();
  parts_.own.set(*log_);
  parts_.log.info("trust", "log_opened", "this node writes a transparency log",
                  {{"origin", origin}, {"entries", view->size()}});
  return {};
}

Result<void> LogService::check_fence(ByteView spki) const {
  const auto members = parts_.trust.members();
  I2_TRY_VALUE(const auto record, members->trust().log());
  const bool named =
      record && record->holder == parts_.trust.node_id() && equal(ByteView(record->spki), spki);
  if (!named && (record || !is_founder())) {
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
  if (log != nullptr && log->stats().stopped) {
    out.health = telemetry::Health::kDegraded;
    out.reason = "the transparency log takes nothing until the next start: see the daemon's log";
  }
  return out;
}

}  // namespace i2::node
