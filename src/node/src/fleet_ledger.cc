#include "fleet_ledger.h"

#include <boost/asio/post.hpp>
#include <future>

namespace i2::node {
namespace asio = boost::asio;

Result<std::unique_ptr<FleetLedger>> FleetLedger::open(const std::filesystem::path& data_dir) {
  std::unique_ptr<FleetLedger> out(new FleetLedger());
  I2_TRY_VALUE(out->ledger_, fleet::open_ledger(data_dir, out->machine_));
  return out;
}

Result<void> FleetLedger::start(Parts parts) {
  parts_.emplace(std::move(parts));
  ledger_->on_change([this](const fleet::LedgerChange& change) {
    if (const auto followed = parts_->trust.follow(change); !followed) {
      parts_->log.error("fleet", "state_unusable", followed.error().message());
    }
    if (parts_->block_added) {
      asio::post(parts_->runtime.control(), parts_->block_added);
    }
  });
  I2_TRY_VALUE(const auto sequencer, fleet::sequencer_of(ledger_->chain()->state));
  if (sequencer.info.node_id != parts_->trust.node_id()) {
    return {};
  }
  solo_ = std::make_unique<fleet::SoloSequencer>(
      *ledger_, parts_->trust.identity(), parts_->clock,
      [pool = parts_->runtime.pool()](std::function<void()> job) {
        asio::post(pool, std::move(job));
      });
  use(*solo_);
  const std::size_t count = unordered().size();
  if (count == 0) {
    return {};
  }
  // The first refusal ends the start: without them this node would know fewer members than before.
  std::promise<Result<void>> ended;
  auto left = std::make_shared<std::size_t>(count);
  auto first = std::make_shared<Result<void>>();
  hand_in([&ended, left, first](const Result<ports::Receipt>& receipt) {
    if (!receipt && *first) {
      *first = fail(receipt.error());
    }
    if (--*left == 0) {
      ended.set_value(*first);
    }
  });
  I2_TRY(ended.get_future().get());
  parts_->log.info("fleet", "records_ordered", "records became operations of the ledger",
                   {{"count", count}, {"height", ledger_->height()}});
  return {};
}

void FleetLedger::use(ports::Sequencer& remote) {
  sequencer_ = &remote;
  account_ = std::make_unique<fleet::Account>(
      fleet::Account::Parts{.sequencer = remote,
                            .chain = [this] { return ledger_->chain(); },
                            .key = parts_->trust.identity(),
                            .id = fleet::account_of(parts_->trust.node_id()),
                            .clock = parts_->clock});
}

std::vector<fleet::FleetOperation> FleetLedger::unordered() const {
  std::vector<fleet::FleetOperation> out;
  const auto chain = ledger_->chain();
  const auto members = parts_->trust.members();
  if (chain->state.count(fleet::anchor_key({})) == 0 &&
      members->genesis().first_member.node_id == parts_->trust.node_id() &&
      !members->anchors().empty()) {
    out.emplace_back(fleet::AddAnchor{*members->anchors().front()});
  }
  for (fleet::Member& member : parts_->trust.unordered_members()) {
    out.emplace_back(fleet::Register{std::move(member)});
  }
  return out;
}

void FleetLedger::hand_in(const std::function<void(Result<ports::Receipt>)>& done) {
  for (fleet::FleetOperation& operation : unordered()) {
    account_->submit(std::move(operation), done);
  }
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
