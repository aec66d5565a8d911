// Bodies of message records: what decodes, encodes to itself or decodes to the same again.
#include <i2/base/assert.h>
#include <i2/stoq/core/message_codec.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::stoq::core;
  const i2::ByteView input(data, size);
  if (const auto name = decode_queue_name(input)) {
    I2_ASSERT(is_queue_name(*name) && i2::equal(i2::as_bytes(*name), input));
  }
  if (const auto head = decode_bulk_head(input)) {
    I2_ASSERT(is_queue_name(head->queue));
    I2_ASSERT(decode_bulk_head(encode(*head)).value_or(BulkHead{}) == *head);
  }
  if (const auto reference = decode_bulk_reference(input)) {
    I2_ASSERT(decode_bulk_reference(encode(*reference)).value_or(BulkReference{}) == *reference);
  }
  if (const auto credit = decode_credit(input)) {
    I2_ASSERT(decode_credit(encode_credit(*credit)).value_or(0) == *credit);
  }
  return 0;
}
