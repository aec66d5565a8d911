// Bodies of trust operations and the values that the state keeps of them: what decodes encodes to
// the same bytes.
#include <i2/base/assert.h>
#include <i2/trustchain/core/trust_state.h>

#include <algorithm>

namespace {

template <class T>
void check_value(i2::Result<T> (*decode)(i2::ByteView), i2::ByteView input) {
  if (const auto value = decode(input)) {
    I2_ASSERT(i2::equal(encode(*value), input));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace trust = i2::trustchain;
  const i2::ByteView input(data, size);
  for (std::uint16_t kind = trust::kSetLog; kind <= trust::kLogStandby; ++kind) {
    if (const auto body = trust::decode_trust_operation(kind, input)) {
      I2_ASSERT(trust::kind_of(*body) == kind);
      I2_ASSERT(i2::equal(encode(*body), input));
    }
  }
  check_value(trust::decode_log_record, input);
  check_value(trust::decode_index_record, input);
  check_value(trust::decode_revocation_record, input);
  check_value(trust::decode_pin_record, input);
  check_value(trust::decode_log_evidence_record, input);
  check_value(trust::decode_log_standbys, input);
  if (const auto id = trust::certificate_of_key(input, trust::index_prefix());
      id && input.size() >= trust::index_prefix().size()) {
    const auto key = trust::index_key(*id);
    I2_ASSERT(std::equal(key.rbegin(), key.rend() - std::ptrdiff_t(trust::index_prefix().size()),
                         input.rbegin()));
  }
  return 0;
}
