// Batch: an operation that asks for several changes, made in their order, all of them or none.
// docs/wire/operation.md, "Batch".
//
// One nonce, one proof certificate and one signature cover all of its steps.
#pragma once

#include <i2/fleet/core/operation.h>

#include <span>

namespace i2::fleet {

inline constexpr std::uint16_t kBatch = 0x0400;
inline constexpr std::size_t kBatchStepsMin = 2;
inline constexpr std::size_t kBatchStepsMax = 256;

// One change. Does not own its body.
struct Step {
  std::uint16_t kind = 0;
  ByteView body;  // canonical, of type `kind`
};

// The body of an operation of kind kBatch.
[[nodiscard]] Bytes encode_batch(std::span<const Step> steps);
// Views of `body`. Error: fleet.operation_malformed, also for too few or too many steps, and for a
// batch among them.
[[nodiscard]] Result<std::vector<Step>> decode_batch(ByteView body);
// Everything that the operation asks for: the steps of a batch, or itself as the only one. Views of
// its body. Error: fleet.operation_malformed.
[[nodiscard]] Result<std::vector<Step>> steps_of(const Operation& operation);
// Of a batch, an error says which step it is about.
[[nodiscard]] Error at_step(const Error& error, std::size_t index, std::size_t count);

}  // namespace i2::fleet
