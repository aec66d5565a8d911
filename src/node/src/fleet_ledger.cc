#include "fleet_ledger.h"

#include <i2/fleet/backups.h>

#include <boost/asio/post.hpp>
#include <future>

namespace i2::node {
namespace asio = boost::asio;

Result<std::unique_ptr<FleetLedger>> FleetLedger::open(const std::filesystem::path& data_dir) {
  std::unique_ptr<FleetLedger> out(new FleetLedger());
  out->data_dir_ = data_dir;
  out->restored_ = fleet::is_behind_backup(data_dir);
  I2_TRY_VALUE(out->ledger_, fleet::open_ledger(data_dir, out->machine_));
  I2_TRY_VALUE(out->memory_,
               fleet::VoteMemory::open(data_dir, out->ledger_->chain()->head.chain_id));
  return out;
}

Result<void> FleetLedger::start(Parts parts) {
  parts_.emplace(parts);
  ledger_->on_change([this](const fleet::LedgerChange& change) {
    if (const auto followed = parts_->trust.follow(change); !followed) {
      parts_->log.error("fleet", "state_unusable", followed.error().message());
    }
    {
      const std::scoped_lock lock(changes_);
      if (change_listener_) {
        change_listener_(change);
      }
    }
    if (!announced_.exchange(true)) {
      asio::post(parts_->runtime.control(), [this] {
        announced_ = false;
        if (listener_) {
          listener_();
        }
      });
    }
  });
  solo_ = std::make_unique<fleet::SoloSequencer>(
      *ledger_, parts_->trust.identity(), parts_->clock,
      [pool = parts_->runtime.pool()](std::function<void()> job) {
        asio::post(pool, std::move(job));
      });
  ordering_.emplace(*ledger_, parts_->trust.node_id());
  ordering_->use_alone(*solo_);
  account_ = std::make_unique<fleet::Account>(
      fleet::Account::Parts{.sequencer = *ordering_,
                            .chain = [this] { return ledger_->chain(); },
                            .key = parts_->trust.identity(),
                            .id = fleet::account_of(parts_->trust.node_id()),
                            .clock = parts_->clock});
  I2_TRY_VALUE(const fleet::EpochRecord epoch, fleet::FleetState(ledger_->chain()->state).epoch());
  look_beyond_backup();
  const bool alone = epoch.validators.size() == 1 && orders();
  return alone && !restored_ ? order_records() : Result<void>{};
}

void FleetLedger::on_change(std::function<void(const fleet::LedgerChange&)> listener) {
  const std::scoped_lock lock(changes_);
  change_listener_ = std::move(listener);
}

void FleetLedger::heard_all_of(const NodeId& peer) {
  if (restored_) {
    heard_.insert(peer);
    look_beyond_backup();
  }
}

// Whether what came after the backup is known as well as it can be.
void FleetLedger::look_beyond_backup() {
  if (!restored_) {
    return;
  }
  const auto members = parts_->trust.members();
  std::erase_if(heard_, [&](const NodeId& peer) { return members->find(peer) == nullptr; });
  const std::size_t others = members->size() - 1;
  restored_ = heard_.size() <= others / 2 && others > 0;
  ordering_->hold(restored_);
  if (restored_) {
    parts_->log.warning(
        "fleet", "restored", "restored from a backup: other members have to tell what came after",
        {{"height", ledger_->height()}, {"heard", heard_.size()}, {"wanted", others / 2 + 1}});
  } else if (const auto forgotten = fleet::forget_backup(data_dir_); !forgotten) {
    parts_->log.error("fleet", "backup_not_forgotten", forgotten.error().message());
  } else {
    parts_->log.info("fleet", "up_to_date", "what came after the backup is known now",
                     {{"height", ledger_->height()}});
  }
}

Result<void> FleetLedger::order_records() {
  std::size_t count = 0;
  for (const fleet::FleetOperation& operation : unordered()) {
    // From the first block on anchors are those of the state alone: without it nobody is trusted.
    const bool needed = std::holds_alternative<fleet::AddAnchor>(operation);
    // Shared: the answer may still be on its way out of set_value() when get() returns.
    auto answer = std::make_shared<std::promise<Result<ports::Receipt>>>();
    account_->submit(operation, [answer](Result<ports::Receipt> receipt) {
      answer->set_value(std::move(receipt));
    });
    const auto ordered = answer->get_future().get();
    if (ordered) {
      ++count;
    } else if (needed || ordered.error().code().starts_with("store.") ||
               ordered.error().is("fleet.ledger_stopped")) {
      return fail(ordered.error());
    } else {
      parts_->log.warning("fleet", "record_refused", ordered.error().message(),
                          {{"error", ordered.error().code()}});
    }
  }
  if (count > 0) {
    parts_->log.info("fleet", "records_ordered", "records became operations of the ledger",
                     {{"count", count}, {"height", ledger_->height()}});
  }
  return {};
}

std::vector<fleet::FleetOperation> FleetLedger::unordered() const {
  std::vector<fleet::FleetOperation> out;
  const auto chain = ledger_->chain();
  const auto members = parts_->trust.members();
  if (chain->state.count(fleet::anchor_key({})) == 0 && parts_->trust.is_founder() &&
      !members->anchors().empty()) {
    out.emplace_back(fleet::AddAnchor{*members->anchors().front()});
  }
  for (fleet::Member& member : parts_->trust.unordered_members()) {
    out.emplace_back(fleet::Register{std::move(member)});
  }
  return out;
}

void FleetLedger::stop() {
  if (account_) {
    account_->stop();
  }
  if (solo_) {
    solo_->stop();
  }
}

}  // namespace i2::node
