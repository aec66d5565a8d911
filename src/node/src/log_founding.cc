#include "log_founding.h"

#include "replication.h"

namespace i2::node {
namespace {

constexpr Duration kFoundAgain = 10 * kSecond;

}  // namespace

trustchain::SetLog log_record(const trustchain::CtLog& log, const NodeId& holder,
                              std::uint64_t epoch) {
  trustchain::SetLog out{.origin = log.parts().origin,
                         .spki = log.keys().front().key().spki(),
                         .cosigners = {},
                         .holder = holder,
                         .epoch = epoch};
  const auto keys = log.keys();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    out.cosigners.push_back(keys[i].vkey());
  }
  return out;
}

Task<Result<void>> LogFounding::found() {
  const auto chain = parts_.fleet.ledger().chain();
  I2_CO_TRY_VALUE(const auto present, trustchain::TrustState(chain->state).log());
  const NodeId self = parts_.trust.node_id();
  const trustchain::SetLog record = log_record(parts_.log, self, 1);
  if (present) {
    done_ = true;
    if (present->holder == self && present->spki != record.spki) {
      parts_.logger.warning(
          "trust", "log_not_the_fleets",
          "this node keeps another log than the one that the fleet knows: nothing "
          "that it promises counts before `i2 ct activate`",
          {{"origin", record.origin}});
    }
    co_return Result<void>();
  }
  if (!parts_.trust.can_issue(parts_.clock.unix_now())) {
    co_return fail("trust.no_issuer", "this node is not a certificate authority");
  }
  if (parts_.trust.current()->certificate.fields().scts.empty()) {
    co_return fail("trust.sct_missing", "the certificate of this node itself is not in its log");
  }
  const auto begin = [this, &record](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(record, std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  done_ = true;
  parts_.logger.info("trust", "log_founded", "the log of this node is the fleet's from now on",
                     {{"origin", parts_.log.parts().origin}, {"height", ordered->height}});
  co_return Result<void>();
}

Task<> LogFounding::run() {
  while (!stopping_ && !done_) {
    const auto done = co_await found();
    if (done) {
      break;
    }
    parts_.logger.debug("trust", "log_not_founded", done.error().message(),
                        {{"error", done.error().code()}});
    co_await wakeup_.wait(kFoundAgain);
  }
}

void LogFounding::stop() {
  stopping_ = true;
  wakeup_.wake();
}

}  // namespace i2::node
