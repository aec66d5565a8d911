#include "rpc_stream.h"

namespace i2::stoq {

void RpcStream::expire_after(Duration delay) {
  timer.expires_after(std::chrono::nanoseconds(delay));
  timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) {
      self->expired = true;
      refuse_stream(self->records.stream(), AppError::kDeadlineExceeded);
    }
  });
}

void RpcStream::keep() {
  timer.cancel();
}

void RpcStream::cancel() {
  cancelled = true;
  refuse_stream(records.stream(), AppError::kCancelled);
}

Error RpcStream::meaning(const Error& error) const {
  if (expired) {
    return {"stoq.deadline_exceeded", "the time for the call is over"};
  }
  if (cancelled) {
    return {"stoq.cancelled", "this side cancelled the call"};
  }
  if (error.is("stoq.stream_closed")) {
    return {"stoq.cancelled", "the peer reads no more of this call"};
  }
  return explain(error);
}

Task<Result<std::optional<Bytes>>> RpcStream::next_message() {
  const auto self = shared_from_this();
  for (;;) {
    self->receiving = true;
    Result<std::optional<core::Record>> record = co_await self->records.next();
    self->receiving = false;
    if (!record) {
      co_return fail(self->meaning(record.error()));
    }
    if (!*record) {
      co_return std::nullopt;
    }
    switch (static_cast<core::RpcRecord>((*record)->type)) {
      case core::RpcRecord::kMessage:
        co_return std::move((*record)->body);
      case core::RpcRecord::kStatus: {
        I2_CO_TRY_VALUE(self->status, core::decode_rpc_status((*record)->body));
        co_return std::nullopt;
      }
      case core::RpcRecord::kRequest:
        co_return fail("stoq.protocol_violation", "a second request on one call");
    }
  }
}

Task<Result<void>> RpcStream::send(core::RpcRecord type, Bytes body, bool fin) {
  constexpr std::size_t kCopyMax = 4 * 1024;
  const auto self = shared_from_this();
  Bytes head;
  core::append_record_head(head, static_cast<std::uint64_t>(type), body.size());
  Stream& stream = self->records.stream();
  Result<void> sent;
  if (body.size() <= kCopyMax) {
    append(head, body);
    sent = co_await stream.write(Chunk(std::move(head)), fin);
  } else {
    sent = co_await stream.write(Chunk(std::move(head)));
    if (sent) {
      sent = co_await stream.write(Chunk(std::move(body)), fin);
    }
  }
  if (!sent) {
    co_return fail(self->meaning(sent.error()));
  }
  co_return sent;
}

}  // namespace i2::stoq
