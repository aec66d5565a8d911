#include "remote_log.h"

#include <i2/node/log.pb.h>

#include "on_link.h"
#include "protobuf.h"

namespace i2::node {
namespace {

constexpr std::size_t kAskingMax = 1024;
constexpr Duration kAddTime = 10 * kSecond;
constexpr int kAddAttempts = 2;

Error log_unreachable(const std::string& why) {
  return Error("trust.log_unreachable", "the node with the fleet's log cannot be asked (" + why +
                                            "): no certificate is issued without its promise");
}

// Whether another connection might give a better answer.
bool is_of_connection(const Error& error) {
  return error.code().starts_with("stoq.");
}

}  // namespace

void RemoteLog::add(const crypto::Certificate& precertificate,
                    std::vector<crypto::Certificate> chain, Done done) {
  if (peers_ == nullptr) {
    done(fail(log_unreachable("this node is starting")));
    return;
  }
  LogAddRequest request;
  request.set_precertificate(to_string(precertificate.der()));
  for (const crypto::Certificate& one : chain) {
    request.add_chain(to_string(one.der()));
  }
  auto body = serialize(request);
  if (!body) {
    done(fail(std::move(body).error()));
    return;
  }
  parts_.tasks.spawn(parts_.runtime.control(), send({.precertificate = precertificate,
                                                     .issuer = std::move(chain.front()),
                                                     .request = *std::move(body)},
                                                    std::move(done)));
}

Task<> RemoteLog::send(Entry entry, Done done) {
  if (asking_ >= kAskingMax) {
    done(fail("trust.log_busy", "too many certificates wait for the log: try again"));
    co_return;
  }
  ++asking_;
  Result<Bytes> sct = co_await promise(std::move(entry));
  --asking_;
  done(std::move(sct));
}

Task<Result<Bytes>> RemoteLog::promise(Entry entry) {
  I2_CO_TRY_VALUE(const auto record, parts_.trust.members()->trust().log());
  if (!record) {
    co_return fail("trust.no_log", "this node has not heard yet which log the fleet has");
  }
  auto answer = co_await ask(record->holder, std::move(entry.request));
  if (!answer) {
    co_return fail(std::move(answer).error());
  }
  I2_CO_TRY_VALUE(const auto parsed, parse<LogAddResponse>(*answer));
  const Bytes sct = to_bytes(as_bytes(parsed.sct()));
  // By the state of now: another log may have taken over meanwhile.
  const auto members = parts_.trust.members();
  I2_CO_TRY(members->logs().check_sct(sct, entry.precertificate, entry.issuer));
  co_return sct;
}

Task<Result<Bytes>> RemoteLog::ask(NodeId holder, Bytes request) {
  Peers& peers = *peers_;
  Error last = log_unreachable("its address is not known");
  for (int attempt = 0; attempt < kAddAttempts; ++attempt) {
    const auto reached = co_await peers.reach(holder.hex());
    if (!reached) {
      co_return fail(log_unreachable(reached.error().message()));
    }
    auto answer =
        co_await call_over((*reached)->connection, kLogAdd, request, {.deadline = kAddTime});
    if (answer || !is_of_connection(answer.error())) {
      co_return answer;
    }
    last = log_unreachable(answer.error().message());
    I2_CO_TRY_VALUE(const auto record, parts_.trust.members()->trust().log());
    holder = record ? record->holder : holder;
  }
  co_return fail(std::move(last));
}

}  // namespace i2::node
