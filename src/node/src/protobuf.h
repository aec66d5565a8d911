// Messages of RPC methods to bytes and back.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <string>

namespace i2::node {

// Error: wire.malformed.
template <class Message>
Result<Bytes> serialize(const Message& message) {
  Bytes out(message.ByteSizeLong());
  if (!message.SerializeToArray(out.data(), static_cast<int>(out.size()))) {
    return fail("wire.malformed", "the message does not serialize");
  }
  return out;
}

// Error: wire.malformed.
template <class Message>
Result<Message> parse(ByteView bytes) {
  Message out;
  if (!out.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail("wire.malformed", "the message is not what its method wants");
  }
  return out;
}

inline std::string to_string(ByteView bytes) {
  return std::string(as_text(bytes));
}

}  // namespace i2::node
