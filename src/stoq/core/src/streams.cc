// Streams: the application's commands and the filling of packets.
#include <i2/wire/reader.h>

#include <algorithm>

#include "endpoint_impl.h"

namespace i2::stoq::core {
namespace {

std::unexpected<Error> stream_closed(StreamId id) {
  return fail("stoq.stream_closed", "stream " + std::to_string(id) + " is closed");
}

}  // namespace

StreamState* ConnectionImpl::stream(StreamId id) {
  const auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

void ConnectionImpl::event(EventKind kind, StreamId id) {
  if (!closed_reported_) {
    endpoint_.events_.push_back({kind, handle_, id});
  }
}

void ConnectionImpl::make_ready(StreamState& stream) {
  if (!stream.ready && !stream.blocked && !stream.write_closed) {
    stream.ready = true;
    ready_[stream.priority].push_back(&stream);
  }
  endpoint_.mark_dirty(*this);
}

// A peer's stream is announced once its type is known and the peer is; the control stream never is.
// Returns whether the application knows the stream now.
bool ConnectionImpl::announce(StreamState& stream) {
  if (stream.reading_type) {
    wire::Reader reader(stream.receive.front());
    const std::uint64_t type = reader.varint();
    if (!reader.ok()) {
      if (stream.reset_code) {
        release_stream(stream.id);  // cancelled before it said what it was for
      } else if (stream.fin_received || stream.receive.size() >= 8) {
        close(static_cast<std::uint64_t>(AppError::kProtocol), "a stream without a type",
              Error("stoq.protocol_violation", "the peer opened a stream without a type"));
      }
      return false;
    }
    // Not varint_size(type): the peer may have used a longer form.
    const std::size_t type_size = stream.receive.front().size() - reader.rest().size();
    stream.receive.discard(type_size);
    ngtcp2_conn_extend_max_stream_offset(conn_, stream.id, type_size);
    ngtcp2_conn_extend_max_offset(conn_, type_size);
    stream.reading_type = false;
    stream.type = type;
    if (type == static_cast<std::uint64_t>(StreamType::kControl)) {
      if (control_in_ != -1 || !is_unidirectional(stream.id)) {
        close(static_cast<std::uint64_t>(AppError::kProtocol), "a second control stream",
              Error("stoq.protocol_violation", "the peer opened a second control stream"));
        return false;
      }
      control_in_ = stream.id;
      stream.announced = true;
      return true;
    }
  }
  if (!established_) {
    return false;
  }
  if (stream.type && is_grease(*stream.type)) {
    release_stream(stream.id);
    return false;
  }
  stream.announced = true;
  event(EventKind::kStreamOpened, stream.id);
  return true;
}

void ConnectionImpl::flag_readable(StreamState& stream) {
  if (stream.released || (!stream.announced && !announce(stream))) {
    return;
  }
  if (stream.id == control_in_) {
    read_control();
    return;
  }
  if (!stream.readable_flagged) {
    stream.readable_flagged = true;
    event(EventKind::kStreamReadable, stream.id);
  }
}

void ConnectionImpl::flag_stopped(StreamState& stream) {
  stream.write_closed = true;
  stream.send.abandon();
  if (!stream.stopped_flagged) {
    stream.stopped_flagged = true;
    event(EventKind::kStreamStopped, stream.id);
  }
}

void ConnectionImpl::watch(StreamState& stream) {
  if (!stream.watched && !stream.write_closed) {
    stream.watched = true;
    watched_.push_back(&stream);
  }
}

// ngtcp2 1.22 reports a STOP_SENDING only to the next write, which a writer that flow control
// blocks never makes. It refuses more bytes than a stream can have right after it has looked for
// that, and before it does anything, so such a write only asks.
void ConnectionImpl::ask_for_stops(Timestamp now) {
  stops_unasked_ = false;
  const ngtcp2_vec impossible{nullptr, NGTCP2_MAX_VARINT + 1};
  std::erase_if(watched_, [&](StreamState* stream) {
    const bool wanted = stream->blocked || stream->want_writable || stream->want_acknowledged ||
                        stream->want_stopped;
    // After its FIN a stream is shut for writing anyway: nothing can be learnt.
    stream->watched = wanted && !stream->write_closed && !stream->fin_sent;
    if (stream->watched &&
        ngtcp2_conn_writev_stream(conn_, nullptr, nullptr, nullptr, 0, nullptr,
                                  NGTCP2_WRITE_STREAM_FLAG_NONE, stream->id, &impossible, 1,
                                  now) == NGTCP2_ERR_STREAM_SHUT_WR) {
      stream->watched = false;
      flag_stopped(*stream);
    }
    return !stream->watched;
  });
}

Result<StreamId> ConnectionImpl::open_stream(std::optional<StreamType> type, bool bidirectional) {
  if (conn_ == nullptr || state_ > ConnectionState::kOpen) {
    return fail("stoq.not_connected", "the connection is not open");
  }
  auto state = std::make_unique<StreamState>(-1);
  const int rv = bidirectional ? ngtcp2_conn_open_bidi_stream(conn_, &state->id, state.get())
                               : ngtcp2_conn_open_uni_stream(conn_, &state->id, state.get());
  if (rv == NGTCP2_ERR_STREAM_ID_BLOCKED) {
    streams_wanted_ = true;
    return fail("stoq.streams_exhausted", "the peer allows no further stream at the moment");
  }
  if (rv != 0) {
    return fail("stoq.not_connected", ngtcp2_strerror(rv), rv);
  }
  state->local = true;
  state->announced = true;
  state->read_closed = !bidirectional;
  if (type) {
    if (*type == StreamType::kControl) {
      state->priority = 0;
    }
    state->type = static_cast<std::uint64_t>(*type);
    Bytes prefix;
    wire::Writer(prefix).varint(*state->type);
    state->send.push(Chunk(std::move(prefix)));
  }
  const StreamId id = state->id;
  streams_[id] = std::move(state);
  return id;
}

Result<void> ConnectionImpl::write_stream(StreamId id, Chunk data, bool fin) {
  StreamState* const state = stream(id);
  if (state == nullptr || state->write_closed || state->fin_queued) {
    return stream_closed(id);
  }
  state->send.push(std::move(data));
  state->fin_queued = fin;
  make_ready(*state);
  return {};
}

Result<ReadResult> ConnectionImpl::read_stream(StreamId id, std::size_t size_max) {
  StreamState* const state = stream(id);
  if (state == nullptr || state->read_closed) {
    return stream_closed(id);
  }
  ReadResult out;
  out.data = state->receive.take(size_max);
  if (out.data.size() > 0) {
    ngtcp2_conn_extend_max_stream_offset(conn_, id, out.data.size());
    ngtcp2_conn_extend_max_offset(conn_, out.data.size());
    endpoint_.mark_dirty(*this);
  }
  if (state->receive.empty()) {
    state->readable_flagged = false;
    out.finished = state->fin_received;
    // Not together with the last bytes: the reader may look at one thing only.
    if (!out.finished && state->reset_code && out.data.size() == 0) {
      out.reset = state->reset_code;
      state->read_closed = true;
    }
  }
  return out;
}

void ConnectionImpl::reset_stream(StreamId id, std::uint64_t app_error) {
  StreamState* const state = stream(id);
  if (state == nullptr || state->write_closed) {
    return;
  }
  state->write_closed = true;
  state->send.abandon();
  ngtcp2_conn_shutdown_stream_write(conn_, 0, id, app_error);
  endpoint_.mark_dirty(*this);
}

void ConnectionImpl::stop_sending(StreamId id, std::uint64_t app_error) {
  StreamState* const state = stream(id);
  if (state == nullptr || state->read_closed) {
    return;
  }
  discard_unread(*state);
  ngtcp2_conn_shutdown_stream_read(conn_, 0, id, app_error);
  endpoint_.mark_dirty(*this);
}

// Nobody will read it, but the connection's credit for it goes back to the peer: also when the
// transport has already finished with the stream.
void ConnectionImpl::discard_unread(StreamState& stream) {
  stream.read_closed = true;
  const std::size_t unread = stream.receive.size();
  if (unread > 0) {
    stream.receive.discard(unread);
    ngtcp2_conn_extend_max_offset(conn_, unread);
    endpoint_.mark_dirty(*this);
  }
}

void ConnectionImpl::release_stream(StreamId id) {
  StreamState* const state = stream(id);
  if (state == nullptr) {
    return;
  }
  state->released = true;
  const std::uint64_t cancelled = profile_->codes.cancelled;
  if (!state->transport_closed && !state->fin_queued) {
    reset_stream(id, cancelled);
  }
  if (!state->transport_closed && !state->fin_received && !state->reset_code) {
    stop_sending(id, cancelled);
  }
  discard_unread(*state);
  erase_if_done(*state);
}

void ConnectionImpl::erase_if_done(StreamState& stream) {
  if (!stream.transport_closed || !stream.released) {
    return;
  }
  // The peer may open the next stream only when this one is gone for good: that bounds streams_.
  if (!stream.local) {
    if (is_unidirectional(stream.id)) {
      ngtcp2_conn_extend_max_streams_uni(conn_, 1);
    } else {
      ngtcp2_conn_extend_max_streams_bidi(conn_, 1);
    }
    endpoint_.mark_dirty(*this);
  }
  if (stream.ready) {
    std::erase(ready_[stream.priority], &stream);
  }
  if (stream.watched) {
    std::erase(watched_, &stream);
  }
  streams_.erase(stream.id);
}

ngtcp2_ssize ConnectionImpl::write_packet(ngtcp2_path* path, ngtcp2_pkt_info* info,
                                          std::uint8_t* out, std::size_t size, Timestamp now) {
  constexpr std::size_t kVectorsMax = 8;
  size = std::min(size, path_size_.limit(now));
  while (!datagrams_out_.empty()) {
    const ByteView view = datagrams_out_.front().view();
    // The path has shrunk since it was queued: ngtcp2 would wait for room that never comes, and
    // everything behind it too.
    if (view.size() > datagram_size_max()) {
      datagrams_out_.pop_front();
      continue;
    }
    ngtcp2_vec vec{const_cast<std::uint8_t*>(view.data()), view.size()};
    int accepted = 0;
    const ngtcp2_ssize written = ngtcp2_conn_writev_datagram(
        conn_, path, info, out, size, &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_MORE, next_datagram_id_,
        &vec, 1, now);
    if (accepted != 0) {
      ++next_datagram_id_;
      datagram_under_way_ = true;
      datagrams_out_.pop_front();
    }
    if (written == NGTCP2_ERR_WRITE_MORE) {
      continue;
    }
    if (written == NGTCP2_ERR_INVALID_ARGUMENT || written == NGTCP2_ERR_INVALID_STATE) {
      datagrams_out_.pop_front();  // the peer takes no datagrams
      continue;
    }
    return written;
  }
  bool connection_blocked = false;
  for (;;) {
    StreamState* state = nullptr;
    std::deque<StreamState*>* queue = nullptr;
    for (auto& candidate : ready_) {
      if (connection_blocked) {
        break;
      }
      while (!candidate.empty() && state == nullptr) {
        state = candidate.front();
        if (state->write_closed || state->blocked ||
            (state->send.unsent() == 0 && (!state->fin_queued || state->fin_sent))) {
          state->ready = false;
          state = nullptr;
          candidate.pop_front();
        }
      }
      if (state != nullptr) {
        queue = &candidate;
        break;
      }
    }
    std::array<ngtcp2_vec, kVectorsMax> vectors{};
    std::size_t count = 0;
    std::uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
    StreamId id = -1;
    if (state != nullptr) {
      id = state->id;
      count = state->send.gather(vectors.data(), kVectorsMax);
      std::uint64_t gathered = 0;
      for (std::size_t i = 0; i < count; ++i) {
        gathered += vectors[i].len;
      }
      if (state->fin_queued && gathered == state->send.unsent()) {
        flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
      }
    }
    ngtcp2_ssize consumed = -1;
    const ngtcp2_ssize written = ngtcp2_conn_writev_stream(conn_, path, info, out, size, &consumed,
                                                           flags, id, vectors.data(), count, now);
    if (state != nullptr && consumed >= 0) {
      state->send.mark_sent(static_cast<std::size_t>(consumed));
      if (state->send.unsent() == 0) {
        state->fin_sent = (flags & NGTCP2_WRITE_STREAM_FLAG_FIN) != 0;
        if (state->want_writable) {
          state->want_writable = false;
          event(EventKind::kStreamWritable, id);
        }
      } else if (written > 0) {
        queue->pop_front();  // the next packet belongs to the next stream of this priority
        queue->push_back(state);
      }
    }
    switch (written) {
      case NGTCP2_ERR_WRITE_MORE:
        continue;
      case NGTCP2_ERR_STREAM_DATA_BLOCKED:
        // Blocked by the connection: MAX_DATA comes without a callback, so the stream stays ready
        // and the next call into the connection tries again. What is not stream data is still
        // written.
        connection_blocked = ngtcp2_conn_get_max_data_left(conn_) == 0;
        state->blocked = !connection_blocked;
        if (state->blocked) {
          watch(*state);
        }
        continue;
      case NGTCP2_ERR_STREAM_SHUT_WR:
      case NGTCP2_ERR_STREAM_NOT_FOUND:
        flag_stopped(*state);  // STOP_SENDING came, and ngtcp2 has answered it with RESET_STREAM
        continue;
      default:
        return written;
    }
  }
}

}  // namespace i2::stoq::core
