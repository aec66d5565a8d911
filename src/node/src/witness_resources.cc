#include "witness_resources.h"

#include <i2/gateway/problem.h>

namespace i2::node {
namespace {

using gateway::Answer;
using gateway::Response;
using trustchain::ct::WitnessAnswer;

// Whoever sends heads makes this node compute: a log has one in a second at most.
constexpr std::uint32_t kCheckpointBurst = 32;
constexpr Duration kCheckpointEvery = 100 * kMillisecond;
constexpr std::string_view kPlainText = R"({"type":"string"})";

Response problem_of(WitnessAnswer answer, std::string_view what) {
  return gateway::problem(Error("trust.witness_refused", std::string(what)),
                          static_cast<int>(answer));
}

Response response_of(const LogWitness::Answer& found) {
  switch (found.answer) {
    case WitnessAnswer::kCosign:
      return gateway::text_response(found.lines, "text/plain; charset=utf-8");
    case WitnessAnswer::kConflict: {
      Response out = gateway::text_response(std::to_string(found.size) + '\n', "text/x.tlog.size");
      out.status = static_cast<int>(found.answer);
      return out;
    }
    case WitnessAnswer::kSizes:
      return problem_of(found.answer, "the old size is larger than the new one");
    case WitnessAnswer::kNotSigned:
      return problem_of(found.answer, "the checkpoint is not signed with every key of the log");
    case WitnessAnswer::kUnknownOrigin:
      return problem_of(found.answer, "this node is a witness of its fleet's log only");
    case WitnessAnswer::kInconsistent:
      break;
  }
  return problem_of(WitnessAnswer::kInconsistent,
                    "the checkpoint is not of the tree that this node has cosigned");
}

}  // namespace

WitnessResources::WitnessResources(Parts parts)
    : parts_(parts), limit_(kCheckpointBurst, kCheckpointEvery) {}

void WitnessResources::attach(gateway::Router& router) {
  router.add(
      {.method = gateway::Method::kPost,
       .pattern = "/ct/witness/add-checkpoint",
       .role = gateway::Role::kAnyone,
       .summary = "Have a checkpoint of the fleet's log cosigned (C2SP tlog-witness)",
       .tag = "transparency",
       .answers = {Answer{.meaning = "signature lines",
                          .media_type = "text/plain",
                          .schema = kPlainText},
                   Answer{.status = 409,
                          .meaning = "the size of the last cosigned checkpoint, from which to grow",
                          .media_type = "text/x.tlog.size",
                          .schema = kPlainText},
                   Answer{.status = 422, .meaning = "not of the tree that this node cosigned"}},
       .handler = [this](gateway::Request request) { return add_checkpoint(std::move(request)); }});
}

gateway::Task<Response> WitnessResources::add_checkpoint(gateway::Request request) {
  if (!limit_.take(parts_.clock.now())) {
    co_return gateway::problem(Error("trust.rate_limited", "too many checkpoints in this second"),
                               429);
  }
  const auto work = [this, &request] { return parts_.witness.answer(request.body); };
  const auto found = co_await rt::run_on(parts_.runtime.pool(), work);
  if (!found && found.error().is("trust.witness_request")) {
    co_return gateway::problem(found.error(), 400);
  }
  co_return found ? response_of(*found) : gateway::problem(found.error());
}

}  // namespace i2::node
