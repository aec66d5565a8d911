#include <i2/stoq/core/message_codec.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

namespace i2::stoq::core {
namespace {

std::unexpected<Error> malformed_message(std::string_view what) {
  return fail("stoq.frame_malformed", "malformed message " + std::string(what));
}

}  // namespace

bool is_queue_name(std::string_view name) {
  return !name.empty() && name.size() <= kQueueNameMax && wire::is_utf8(name);
}

Bytes encode(const BulkHead& head) {
  Bytes out;
  wire::Writer writer(out);
  writer.varint(head.number);
  writer.bytes(as_bytes(head.queue));
  return out;
}

Bytes encode(const BulkReference& reference) {
  Bytes out;
  wire::Writer writer(out);
  writer.varint(reference.number);
  writer.varint(reference.size);
  return out;
}

Bytes encode_credit(std::uint64_t taken) {
  Bytes out;
  wire::Writer(out).varint(taken);
  return out;
}

Result<std::string> decode_queue_name(ByteView body) {
  if (!is_queue_name(as_text(body))) {
    return malformed_message("queue name");
  }
  return std::string(as_text(body));
}

Result<BulkHead> decode_bulk_head(ByteView body) {
  wire::Reader reader(body);
  BulkHead head;
  head.number = reader.varint();
  head.queue = as_text(reader.rest());
  if (!reader.ok() || !is_queue_name(head.queue)) {
    return malformed_message("bulk head");
  }
  return head;
}

Result<BulkReference> decode_bulk_reference(ByteView body) {
  wire::Reader reader(body);
  BulkReference reference;
  reference.number = reader.varint();
  reference.size = reader.varint();
  if (!reader.done()) {
    return malformed_message("bulk reference");
  }
  return reference;
}

Result<std::uint64_t> decode_credit(ByteView body) {
  wire::Reader reader(body);
  const std::uint64_t taken = reader.varint();
  if (!reader.done()) {
    return malformed_message("credit");
  }
  return taken;
}

}  // namespace i2::stoq::core
