#include <i2/fleet/core/batch.h>

namespace i2::fleet {
namespace {

constexpr std::uint16_t kBatchVersion = 1;
// Kind and length of a step.
constexpr std::size_t kStepOverhead = sizeof(std::uint16_t) + sizeof(std::uint32_t);

}  // namespace

Bytes encode_batch(std::span<const Step> steps) {
  std::size_t size = 2 * sizeof(std::uint16_t) + sizeof(std::uint32_t);
  for (const Step& step : steps) {
    size += kStepOverhead + step.body.size();
  }
  wire::CanonicalWriter w(kBatch, kBatchVersion);
  w.reserve(size);
  w.count(steps.size());
  for (const Step& step : steps) {
    w.u16(step.kind);
    w.bytes(step.body);
  }
  return std::move(w).take();
}

Result<std::vector<Step>> decode_batch(ByteView body) {
  wire::CanonicalReader r(body, kBatch, kBatchVersion);
  const std::size_t count = r.count(kBatchStepsMax);
  std::vector<Step> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    const std::uint16_t kind = r.u16();
    out.push_back({.kind = kind, .body = r.bytes(kOperationBodyMax)});
    if (kind == kBatch) {
      r.fail();
    }
  }
  if (!r.finish() || count < kBatchStepsMin) {
    return fail("fleet.operation_malformed",
                "the batch is malformed: it has " + std::to_string(kBatchStepsMin) + " to " +
                    std::to_string(kBatchStepsMax) + " steps, none of which is a batch");
  }
  return out;
}

Result<std::vector<Step>> steps_of(const Operation& operation) {
  if (operation.kind == kBatch) {
    return decode_batch(operation.body);
  }
  return std::vector<Step>{{.kind = operation.kind, .body = operation.body}};
}

Error at_step(const Error& error, std::size_t index, std::size_t count) {
  return count == 1
             ? error
             : error.in("step " + std::to_string(index + 1) + " of " + std::to_string(count));
}

}  // namespace i2::fleet
