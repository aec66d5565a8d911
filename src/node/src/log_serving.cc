#include "log_serving.h"

#include <i2/node/log.pb.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "await_answer.h"
#include "protobuf.h"
#include "remote_log.h"

namespace i2::node {
namespace {

constexpr std::size_t kAddingMax = 256;
// As many as an authority issues in a batch, and as fast as it signs with its slow key.
constexpr std::uint32_t kAddBurst = 1024;
constexpr Duration kAddEvery = 5 * kMillisecond;

// The precertificate and its issuers.
Result<std::vector<crypto::Certificate>> read_log_add(ByteView request) {
  I2_TRY_VALUE(const auto asked, parse<LogAddRequest>(request));
  if (asked.chain_size() == 0 || asked.chain_size() > kLogChainMax) {
    return fail("trust.log_entry_invalid",
                "a chain has 1 to " + std::to_string(kLogChainMax) + " certificates");
  }
  std::vector<crypto::Certificate> out;
  I2_TRY_VALUE(out.emplace_back(), crypto::Certificate::from_der(as_bytes(asked.precertificate())));
  for (const std::string& one : asked.chain()) {
    I2_TRY_VALUE(out.emplace_back(), crypto::Certificate::from_der(as_bytes(one)));
  }
  return out;
}

Error not_the_fleets() {
  return {"trust.no_log", "the log of this node is not the fleet's"};
}

}  // namespace

LogServing::LogServing(Parts parts) : parts_(std::move(parts)), limit_(kAddBurst, kAddEvery) {}

void LogServing::attach(stoq::RpcServer& server) {
  server.add_unary(std::string(kLogAdd),
                   [this](stoq::CallContext context, Bytes request) {
                     return serve(std::move(context), std::move(request));
                   },
                   {.renewal = true, .message_size_max = kLogAddSizeMax});
  server.add_unary(std::string(kLogReady),
                   [this](const stoq::CallContext&, const Bytes&) { return serve_ready(); },
                   {.renewal = true});
  server.add_unary(std::string(kLogStandby),
                   [this](const stoq::CallContext&, const Bytes&) { return serve_standby(); });
}

Task<Result<Bytes>> LogServing::serve_ready() {
  const trustchain::CtLog* const log = parts_.own.get();
  if (log == nullptr) {
    co_return fail(not_the_fleets());
  }
  I2_CO_TRY_VALUE(const bool named, is_fleets(*log, parts_.trust));
  if (!named) {
    co_return fail(not_the_fleets());
  }
  I2_CO_TRY(parts_.service.ready());
  co_return Bytes();
}

Task<Result<trustchain::StandbyLog>> LogServing::standby() {
  const auto make = [this] { return parts_.service.make(); };
  I2_CO_TRY(co_await rt::run_on(parts_.runtime.pool(), make));
  co_return standby_record(*parts_.own.get(), parts_.trust.node_id());
}

Task<Result<Bytes>> LogServing::serve_standby() {
  const auto made = co_await boost::asio::co_spawn(parts_.runtime.control(), standby(),
                                                   boost::asio::use_awaitable);
  if (!made) {
    co_return fail(made.error());
  }
  LogStandbyResponse out;
  out.set_origin(made->origin);
  out.set_spki(to_string(made->spki));
  for (const std::string& vkey : made->cosigners) {
    out.add_cosigners(vkey);
  }
  co_return serialize(out);
}

Task<Result<Bytes>> LogServing::serve(stoq::CallContext context, Bytes request) {
  const NodeId authority = context.peer().node_id;
  auto answer = co_await boost::asio::co_spawn(
      parts_.runtime.control(), add(authority, std::move(request)), boost::asio::use_awaitable);
  if (!answer) {
    parts_.logger.warning("trust", "log_add_refused", answer.error().message(),
                          {{"peer", context.peer().name}, {"error", answer.error().code()}});
  }
  co_return answer;
}

Result<void> LogServing::admit(const NodeId& authority) {
  const auto members = parts_.trust.members();
  if (std::ranges::none_of(members->anchors(),
                           [&](const auto& anchor) { return anchor->holder == authority; })) {
    return fail("fleet.no_anchor", "only certificate authorities of the fleet add to its log");
  }
  I2_TRY_VALUE(const auto record, members->trust().log());
  if (parts_.own.shown() == nullptr || !record || record->holder != parts_.trust.node_id()) {
    return fail(not_the_fleets());
  }
  if (adding_ >= kAddingMax || !limit_.take(parts_.clock.now())) {
    return fail("trust.log_busy", "too many certificates wait for the log: try again");
  }
  return {};
}

Task<Result<Bytes>> LogServing::add(NodeId authority, Bytes request) {
  I2_CO_TRY(admit(authority));
  I2_CO_TRY_VALUE(auto chain, read_log_add(request));
  I2_CO_TRY(parts_.check(chain.front()));
  const auto begin = [this, &chain](trustchain::LogClient::Done done) {
    parts_.own.shown()->add_chain(trustchain::ct::EntryType::kPrecert, std::move(chain),
                                  std::move(done));
  };
  ++adding_;
  const auto sct = co_await answer_of<Result<Bytes>>(begin);
  --adding_;
  if (!sct) {
    co_return fail(sct.error());
  }
  LogAddResponse out;
  out.set_sct(to_string(*sct));
  co_return serialize(out);
}

}  // namespace i2::node
