// Operations, batches and the bodies of every kind: what decodes encodes to the same bytes, and
// checking it against a state never does more than answer.
#include <i2/base/assert.h>
#include <i2/fleet/core/batch.h>
#include <i2/fleet/core/fleet_operations.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const i2::ByteView input(data, size);
  const auto check_body = [](std::uint16_t kind, i2::ByteView bytes) {
    if (const auto body = i2::fleet::decode_fleet_operation(kind, bytes)) {
      I2_ASSERT(i2::fleet::kind_of(*body) == kind);
      I2_ASSERT(i2::equal(encode(*body), bytes));
    }
  };
  if (const auto operation = i2::fleet::decode_operation(input)) {
    I2_ASSERT(i2::equal(encode(*operation), input));
    static_cast<void>(verify_approvals(*operation, {}));
    static_cast<void>(verify_signature(*operation, {}, true));
    if (const auto steps = steps_of(*operation)) {
      for (const i2::fleet::Step& step : *steps) {
        check_body(step.kind, step.body);
      }
    }
  }
  if (const auto steps = i2::fleet::decode_batch(input)) {
    I2_ASSERT(i2::equal(i2::fleet::encode_batch(*steps), input));
  }
  for (std::uint16_t kind = i2::fleet::kCreateInvite; kind <= i2::fleet::kConfirmEpoch; ++kind) {
    check_body(kind, input);
  }
  return 0;
}
