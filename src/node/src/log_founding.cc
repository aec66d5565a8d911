#include "log_founding.h"

#include "replication.h"

namespace i2::node {
namespace {

constexpr Duration kFoundAgain = 10 * kSecond;

trustchain::SetLog record_of(const trustchain::CtLog& log, const NodeId& holder) {
  trustchain::SetLog out{.origin = log.parts().origin,
                         .spki = to_bytes(log.parts().key.public_key().spki()),
                         .cosigners = {},
                         .holder = holder};
  const auto keys = log.keys();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    out.cosigners.push_back(keys[i].vkey());
  }
  return out;
}

}  // namespace

Task<Result<void>> LogFounding::found() {
  const auto chain = parts_.fleet.ledger().chain();
  I2_CO_TRY_VALUE(const auto present, trustchain::TrustState(chain->state).log());
  if (present) {
    co_return Result<void>();
  }
  if (!parts_.trust.can_issue(parts_.clock.unix_now())) {
    co_return fail("trust.no_issuer", "this node is not a certificate authority");
  }
  if (parts_.trust.current()->certificate.fields().scts.empty()) {
    co_return fail("trust.sct_missing", "the certificate of this node itself is not in its log");
  }
  const auto begin = [this](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(record_of(parts_.log, parts_.trust.node_id()), std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (!ordered) {
    co_return fail(ordered.error());
  }
  parts_.logger.info("trust", "log_founded", "the log of this node is the fleet's from now on",
                     {{"origin", parts_.log.parts().origin}, {"height", ordered->height}});
  co_return Result<void>();
}

Task<> LogFounding::run() {
  while (!stopping_) {
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
