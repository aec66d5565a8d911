// Where a connection's qlog goes (draft-ietf-quic-qlog-main-schema, JSON-SEQ).
#pragma once

#include <i2/base/bytes.h>

#include <functional>
#include <memory>
#include <string>

namespace i2::stoq::core {

// Takes the trace of one connection in pieces, the last one when it is destroyed.
class QlogSink {
 public:
  virtual ~QlogSink() = default;
  virtual void write(ByteView piece) = 0;
};

// `name` is the first destination connection ID in hexadecimal, which both ends know, and the role:
// "8f3c...e1-client". Null when there is to be none. Called on the endpoint's thread.
using QlogFactory = std::function<std::unique_ptr<QlogSink>(const std::string& name)>;

}  // namespace i2::stoq::core
