#include "witness_service.h"

#include <i2/node/witness.pb.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "on_link.h"
#include "protobuf.h"
#include "replication.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;

constexpr std::string_view kAddCheckpoint = "trust.Witness/AddCheckpoint";
constexpr std::string_view kHead = "trust.Witness/Head";
constexpr std::string_view kConsistencyServed = "trust.Log/Consistency";
// A new head is told so many peers, so often; who connects is told at once.
constexpr Duration kTellInterval = 30 * kSecond;
constexpr std::size_t kPeersToldMax = 8;
// Evidence is new once, and then everybody should have it.
constexpr std::size_t kPeersWarnedMax = 256;
constexpr std::size_t kEvidenceToldMax = 4;

}  // namespace

Result<std::unique_ptr<WitnessService>> WitnessService::open(const Parts& parts) {
  I2_TRY_VALUE(auto witness, LogWitness::open(parts.data_dir / "witness", parts.trust.chain_id(),
                                              parts.trust.identity(), parts.clock));
  return std::unique_ptr<WitnessService>(new WitnessService(parts, std::move(witness)));
}

WitnessService::WitnessService(const Parts& parts, std::unique_ptr<LogWitness> witness)
    : parts_(parts),
      witness_(std::move(witness)),
      watch_({.runtime = parts.runtime,
              .trust = parts.trust,
              .peers = parts.peers,
              .tasks = parts.tasks,
              .log = parts.log,
              .witness = *witness_,
              .own = parts.own,
              .found =
                  [this] {
                    settle_evidence();
                    tell(kPeersWarnedMax);
                  }}),
      wakeup_(parts.runtime.control()) {}

void WitnessService::attach(stoq::RpcServer& server) {
  const auto add = [&](std::string_view method, auto handler) {
    server.add_unary(std::string(method), [this, handler](const stoq::CallContext&, Bytes request) {
      return (this->*handler)(std::move(request));
    });
  };
  add(kAddCheckpoint, &WitnessService::serve_add);
  add(kHead, &WitnessService::serve_head);
  add(kConsistencyServed, &WitnessService::serve_consistency);
}

void WitnessService::start() {
  parts_.tasks.spawn(parts_.runtime.control(), run());
}

void WitnessService::stop() {
  stopping_ = true;
  wakeup_.wake();
}

Task<> WitnessService::run() {
  while (!stopping_) {
    co_await wakeup_.wait(kTellInterval);
    const auto log = stopping_ ? std::nullopt : fleet_log(parts_.trust).value_or(std::nullopt);
    if (!log) {
      continue;
    }
    watch_.retry();
    settle_evidence();
    const auto newest = watch_.newest(*log);
    if (newest && newest->note.text != told_) {
      told_ = newest->note.text;
      tell(kPeersToldMax);
    }
  }
}

void WitnessService::settle_evidence() {
  const auto members = parts_.trust.members();
  const auto records = members->trust().logs();
  if (!records) {
    return;
  }
  for (const trustchain::LogRecord& record : *records) {
    const auto ordered = members->trust().log_evidence(record.epoch);
    const auto log = known_log(record);
    if (!ordered || !log) {
      continue;
    }
    const auto own = witness_->evidence_against(*log);
    if (*ordered && !own) {
      watch_.look_at_evidence((*ordered)->evidence);
    } else if (!*ordered && own && !reporting_) {
      reporting_ = true;
      parts_.tasks.spawn(parts_.runtime.control(), report(*own));
    }
  }
}

// Every node that has it does so: the first one counts.
Task<> WitnessService::report(ct::SplitView evidence) {
  const auto begin = [&](ports::Sequencer::Done done) {
    parts_.fleet.account().submit(trustchain::LogEvidence{.evidence = evidence}, std::move(done));
  };
  const auto ordered = co_await receipt(begin);
  if (ordered) {
    parts_.log.info("trust", "evidence_ordered", "the fleet's state has evidence against its log",
                    {{"height", ordered->height}});
  } else if (!ordered.error().is("trust.evidence_known")) {
    parts_.log.warning("trust", "evidence_not_ordered", ordered.error().message(),
                       {{"error", ordered.error().code()}});
  }
  reporting_ = false;
}

void WitnessService::link_up(const LinkPtr& link) {
  if (!stopping_ && !link->shown_expired) {
    parts_.tasks.spawn(parts_.runtime.control(), exchange(link));
  }
}

void WitnessService::tell(std::size_t peers_max) {
  auto links = parts_.peers.links();
  for (std::size_t i = 0; i < links.size() && i < peers_max; ++i) {
    std::swap(links[i], links[i + parts_.rng.next_u64() % (links.size() - i)]);
    link_up(links[i]);
  }
}

Task<Result<Bytes>> WitnessService::own_note() {
  const auto work = [this]() -> Result<Bytes> {
    HeadNote out;
    I2_TRY_VALUE(const auto log, fleet_log(parts_.trust));
    const auto newest = log ? watch_.newest(*log) : std::nullopt;
    if (newest) {
      out.set_head(encode(newest->note));
    }
    for (const ct::SplitView& one : witness_->evidence()) {
      if (static_cast<std::size_t>(out.evidence_size()) < kEvidenceToldMax) {
        out.add_evidence(to_string(encode(one)));
      }
    }
    return serialize(out);
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<> WitnessService::exchange(LinkPtr link) {
  auto own = co_await own_note();
  if (!own) {
    parts_.log.warning("trust", "head_not_told", own.error().to_string());
    co_return;
  }
  auto answer = co_await call_over(link->connection, kHead, *std::move(own));
  if (answer) {
    take(*std::move(answer));
    watch_.retry();
  } else {
    parts_.log.debug("trust", "head_not_told", answer.error().to_string(), {{"peer", link->name}});
  }
}

void WitnessService::take(Bytes message) {
  const auto parsed = parse<HeadNote>(message);
  if (!parsed) {
    return;
  }
  for (int i = 0; i < parsed->evidence_size() && i < static_cast<int>(kEvidenceToldMax); ++i) {
    watch_.look_at_evidence(to_bytes(as_bytes(parsed->evidence(i))));
  }
  watch_.look(to_bytes(as_bytes(parsed->head())));
}

Task<Result<Bytes>> WitnessService::serve_head(Bytes request) {
  boost::asio::post(parts_.runtime.control(), [this, message = std::move(request)]() mutable {
    if (!stopping_) {
      take(std::move(message));
    }
  });
  co_return co_await own_note();
}

Result<LogWitness::Answer> WitnessService::answer(std::string_view body) {
  I2_TRY_VALUE(const ct::AddCheckpoint request, ct::parse_add_checkpoint(body));
  I2_TRY_VALUE(const auto log, fleet_log(parts_.trust, request.checkpoint.checkpoint.origin));
  I2_TRY_VALUE(auto out, witness_->add_checkpoint(request, log ? &*log : nullptr));
  if (out.answer == ct::WitnessAnswer::kCosign) {
    boost::asio::post(parts_.runtime.control(), [this] {
      if (!stopping_) {
        watch_.cosigned();
      }
    });
  } else {
    boost::asio::post(parts_.runtime.control(),
                      [this, convicted = out.convicted, note = encode(request.checkpoint.note)] {
                        if (convicted) {
                          watch_.convicted();
                        } else if (!stopping_) {
                          watch_.look(to_bytes(as_bytes(note)));
                        }
                      });
  }
  return out;
}

Task<Result<Bytes>> WitnessService::serve_add(Bytes request) {
  const auto work = [this, &request]() -> Result<Bytes> {
    I2_TRY_VALUE(const auto asked, parse<WitnessRequest>(request));
    I2_TRY_VALUE(const auto found, answer(asked.body()));
    WitnessResponse out;
    out.set_answer(static_cast<std::uint32_t>(found.answer));
    out.set_size(found.size);
    out.set_lines(found.lines);
    if (asked.want_keys()) {
      out.set_keys(to_string(witness_->statement()));
    }
    if (found.answer != ct::WitnessAnswer::kCosign) {
      I2_TRY_VALUE(const auto log, fleet_log(parts_.trust));
      const auto last = log ? witness_->last(*log) : std::nullopt;
      out.set_head(last ? encode(last->note) : std::string());
    }
    return serialize(out);
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

Task<Result<Bytes>> WitnessService::serve_consistency(Bytes request) {
  const auto work = [this, &request]() -> Result<Bytes> {
    I2_TRY_VALUE(const auto asked, parse<ConsistencyRequest>(request));
    const trustchain::CtLog* const own = parts_.own.shown();
    if (own == nullptr) {
      return fail("trust.no_log", "this node has no transparency log");
    }
    const auto view = own->view();
    if (own->is_closed() && asked.new_size() > view->size()) {
      return fail(trustchain::log_restored());
    }
    if (asked.old_size() == 0 || asked.old_size() > asked.new_size()) {
      return fail("trust.log_range",
                  "a proof of consistency leads from a smaller size to a larger");
    }
    I2_TRY_VALUE(const Hash256 old_root, view->root(asked.old_size()));
    I2_TRY_VALUE(const auto proof, view->consistency_proof(asked.old_size(), asked.new_size()));
    ConsistencyResponse out;
    out.set_old_root(to_string(old_root));
    for (const Hash256& hash : proof) {
      out.add_proof(to_string(hash));
    }
    return serialize(out);
  };
  co_return co_await rt::run_on(parts_.runtime.pool(), work);
}

telemetry::LayerHealth WitnessService::health() const {
  telemetry::LayerHealth out;
  const auto log = fleet_log(parts_.trust);
  if (log && *log && witness_->evidence_against(**log)) {
    out.health = telemetry::Health::kDegraded;
    out.reason = "the fleet's log signed two trees that contradict each other: see i2 ct evidence";
  } else if (!watch_.unproven().empty()) {
    out.health = telemetry::Health::kDegraded;
    out.reason = "the log signed a head for which it shows no proof: " + watch_.unproven();
  }
  return out;
}

}  // namespace i2::node
