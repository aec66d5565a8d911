// What an endpoint reports to whoever drives it.
#pragma once

#include <i2/stoq/core/stream_id.h>

#include <cstdint>

namespace i2::stoq::core {

// Names a connection of one endpoint. A handle is never reused, so a late one finds nothing.
struct ConnectionHandle {
  std::uint64_t value = 0;
  friend auto operator<=>(ConnectionHandle, ConnectionHandle) = default;
  [[nodiscard]] explicit operator bool() const { return value != 0; }
};

enum class EventKind : std::uint8_t {
  kHelloSignatureWanted,  // sign Connection::hello_to_sign(), then
                          // Connection::provide_hello_signature()
  kConnected,             // both sides verified; streams may be used
  kClosed,                // Connection::close_error() says why; the last event of a connection
  kStreamOpened,          // by the peer; Connection::stream_type() is known
  kStreamReadable,        // Connection::read() has something new: bytes, the end, or a reset
  kStreamWritable,        // a blocked or long queue has drained
  kStreamAcknowledged,    // everything written so far was acknowledged
  kStreamStopped,         // the peer asked to stop sending; see Connection::want_stopped()
  kStreamsAvailable,      // the peer allows more streams
  kDatagramReceived,
  kPong,  // Connection::take_pong()
};

struct Event {
  EventKind kind;
  ConnectionHandle connection;
  StreamId stream = -1;
};

}  // namespace i2::stoq::core
