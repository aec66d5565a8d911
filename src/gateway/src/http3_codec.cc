#include "http3_codec.h"

#include <i2/crypto/random.h>

#include <array>

namespace i2::gateway {
namespace {

constexpr std::size_t kPieceMax = 64 * 1024;

Http3Codec& self(void* user_data) {
  return *static_cast<Http3Codec*>(user_data);
}

std::string_view text_of(nghttp3_rcbuf* buffer) {
  const nghttp3_vec view = nghttp3_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(view.base), view.len};
}

nghttp3_nv http3_field(std::string_view name, std::string_view value) {
  // nghttp3 copies both.
  return {.name = reinterpret_cast<const std::uint8_t*>(name.data()),
          .value = reinterpret_cast<const std::uint8_t*>(value.data()),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP3_NV_FLAG_NONE};
}

}  // namespace

nghttp3_callbacks Http3Codec::callbacks() {
  nghttp3_callbacks out{};
  out.begin_headers = [](nghttp3_conn*, std::int64_t stream, void* user, void*) {
    Http3Codec& codec = self(user);
    codec.exchanges_.try_emplace(stream, RequestBuilder(codec.limits_, codec.client_));
    return 0;
  };
  out.recv_header = [](nghttp3_conn*, std::int64_t stream, std::int32_t, nghttp3_rcbuf* name,
                       nghttp3_rcbuf* value, std::uint8_t, void* user, void*) {
    if (Exchange* const exchange = self(user).find(stream); exchange != nullptr) {
      exchange->builder.field(text_of(name), text_of(value));
    }
    return 0;
  };
  out.end_headers = [](nghttp3_conn*, std::int64_t stream, int, void* user, void*) {
    if (Exchange* const exchange = self(user).find(stream); exchange != nullptr) {
      self(user).refuse_if_due(stream, *exchange);
    }
    return 0;
  };
  out.recv_data = [](nghttp3_conn*, std::int64_t stream, const std::uint8_t* data, std::size_t size,
                     void* user, void*) {
    if (Exchange* const exchange = self(user).find(stream); exchange != nullptr) {
      exchange->builder.body(as_text({data, size}));
      self(user).refuse_if_due(stream, *exchange);
    }
    return 0;
  };
  out.end_stream = [](nghttp3_conn*, std::int64_t stream, void* user, void*) {
    Exchange* const exchange = self(user).find(stream);
    if (exchange != nullptr && !exchange->refused) {
      if (auto request = exchange->builder.finish()) {
        self(user).listener_.on_request(stream, *std::move(request));
      } else {
        exchange->refused = true;
        self(user).listener_.on_refused(stream, std::move(request).error());
      }
    }
    return 0;
  };
  out.stream_close = [](nghttp3_conn*, std::int64_t stream, std::uint64_t, void* user, void*) {
    if (self(user).exchanges_.erase(stream) > 0) {
      self(user).listener_.on_gone(stream);
    }
    return 0;
  };
  out.acked_stream_data = [](nghttp3_conn*, std::int64_t stream, std::uint64_t size, void* user,
                             void*) {
    Exchange* const exchange = self(user).find(stream);
    // next_output() acknowledges what it has copied, piece by piece and in order.
    while (exchange != nullptr && !exchange->sending.empty() && size > 0) {
      std::string& first = exchange->sending.front();
      const std::size_t done = std::min<std::size_t>(size, first.size());
      size -= done;
      if (done == first.size()) {
        exchange->sending.pop_front();
      } else {
        // The rest stays where nghttp3 points to; only its length is remembered.
        first.resize(first.size() - done);
      }
    }
    return 0;
  };
  out.stop_sending = [](nghttp3_conn*, std::int64_t stream, std::uint64_t code, void* user, void*) {
    self(user).aborts_.push_back({stream, code, true});
    return 0;
  };
  out.reset_stream = [](nghttp3_conn*, std::int64_t stream, std::uint64_t code, void* user, void*) {
    self(user).aborts_.push_back({stream, code, false});
    return 0;
  };
  out.rand = [](std::uint8_t* out_bytes, std::size_t size) {
    crypto::random_bytes({out_bytes, size});
  };
  return out;
}

Result<std::unique_ptr<Http3Codec>> Http3Codec::create(const ServiceLimits& limits,
                                                       const Client& client, const Streams& streams,
                                                       RequestListener& listener) {
  std::unique_ptr<Http3Codec> out(new Http3Codec(limits, client, listener));
  nghttp3_settings settings;
  nghttp3_settings_default(&settings);
  settings.max_field_section_size = limits.headers_size_max;
  settings.qpack_max_dtable_capacity = 4096;
  settings.qpack_blocked_streams = 16;
  const nghttp3_callbacks table = callbacks();
  if (nghttp3_conn_server_new(&out->connection_, &table, &settings, nghttp3_mem_default(),
                              out.get()) != 0 ||
      nghttp3_conn_bind_control_stream(out->connection_, streams.control) != 0 ||
      nghttp3_conn_bind_qpack_streams(out->connection_, streams.encoder, streams.decoder) != 0) {
    return fail("gateway.http3", "HTTP/3 could not be set up on the connection");
  }
  return out;
}

Http3Codec::~Http3Codec() {
  nghttp3_conn_del(connection_);
}

std::unexpected<Error> Http3Codec::broken(std::int64_t code) const {
  return fail(
      "gateway.http3", std::string(nghttp3_strerror(static_cast<int>(code))),
      static_cast<std::int64_t>(nghttp3_err_infer_quic_app_error_code(static_cast<int>(code))));
}

Http3Codec::Exchange* Http3Codec::find(StreamId stream) {
  const auto found = exchanges_.find(stream);
  return found == exchanges_.end() ? nullptr : &found->second;
}

void Http3Codec::refuse_if_due(StreamId stream, Exchange& exchange) {
  if (exchange.builder.error() && !exchange.refused) {
    exchange.refused = true;
    // RFC 9114 §4.1: a server that needs no more of a request says so with H3_NO_ERROR.
    aborts_.push_back({stream, NGHTTP3_H3_NO_ERROR, true});
    listener_.on_refused(stream, *exchange.builder.error());
  }
}

Result<void> Http3Codec::read(StreamId stream, ByteView bytes, bool end, Timestamp now) {
  const nghttp3_ssize consumed =
      nghttp3_conn_read_stream2(connection_, stream, bytes.data(), bytes.size(), end ? 1 : 0, now);
  if (consumed < 0) {
    return broken(consumed);
  }
  return {};
}

Result<void> Http3Codec::close_stream(StreamId stream, std::uint64_t code) {
  const int rv = nghttp3_conn_close_stream(connection_, stream, code);
  if (rv != 0 && rv != NGHTTP3_ERR_STREAM_NOT_FOUND) {
    return broken(rv);
  }
  if (exchanges_.erase(stream) > 0) {
    listener_.on_gone(stream);
  }
  return {};
}

void Http3Codec::allow_streams(std::uint64_t count) {
  nghttp3_conn_set_max_client_streams_bidi(connection_, count);
}

void Http3Codec::shut_down() {
  (void)nghttp3_conn_shutdown(connection_);
}

Result<std::optional<Http3Codec::Output>> Http3Codec::next_output() {
  std::array<nghttp3_vec, 16> vectors{};
  Output out;
  int end = 0;
  const nghttp3_ssize count =
      nghttp3_conn_writev_stream(connection_, &out.stream, &end, vectors.data(), vectors.size());
  if (count < 0) {
    return broken(count);
  }
  if (out.stream == -1) {
    return std::nullopt;
  }
  for (const nghttp3_vec& piece : std::span(vectors).first(static_cast<std::size_t>(count))) {
    i2::append(out.bytes, ByteView(piece.base, piece.len));
  }
  out.end = end != 0;
  // The bytes are copied, so the library may forget them.
  if (nghttp3_conn_add_write_offset(connection_, out.stream, out.bytes.size()) != 0 ||
      nghttp3_conn_add_ack_offset(connection_, out.stream, out.bytes.size()) != 0) {
    return broken(NGHTTP3_ERR_NOMEM);
  }
  return out;
}

nghttp3_ssize Http3Codec::provide(StreamId stream, nghttp3_vec* out, std::uint32_t* flags) {
  Exchange* const exchange = find(stream);
  if (exchange == nullptr) {
    *flags |= NGHTTP3_DATA_FLAG_EOF;
    return 0;
  }
  std::string piece = exchange->body.take(kPieceMax);
  if (exchange->body.size() == 0 && exchange->body.ended()) {
    *flags |= NGHTTP3_DATA_FLAG_EOF;
  } else if (piece.empty()) {
    return NGHTTP3_ERR_WOULDBLOCK;
  }
  if (piece.empty()) {
    return 0;
  }
  exchange->sending.push_back(std::move(piece));
  std::string& kept = exchange->sending.back();
  *out = {.base = reinterpret_cast<std::uint8_t*>(kept.data()), .len = kept.size()};
  return 1;
}

void Http3Codec::respond(StreamId stream, const Response& response, bool end) {
  Exchange* const exchange = find(stream);
  if (exchange == nullptr || exchange->responded) {
    return;
  }
  exchange->responded = true;
  exchange->body.push(response.body, end);
  const std::string status = std::to_string(response.status);
  std::vector<nghttp3_nv> fields{http3_field(":status", status)};
  for (const Header& header : response.headers.all()) {
    fields.push_back(http3_field(header.name, header.value));
  }
  const nghttp3_data_reader reader{
      .read_data = [](nghttp3_conn*, std::int64_t id, nghttp3_vec* out, std::size_t,
                      std::uint32_t* flags, void* user,
                      void*) { return self(user).provide(id, out, flags); }};
  (void)nghttp3_conn_submit_response(connection_, stream, fields.data(), fields.size(), &reader);
}

void Http3Codec::append(StreamId stream, std::string piece, bool end) {
  if (Exchange* const exchange = find(stream); exchange != nullptr) {
    exchange->body.push(std::move(piece), end);
    (void)nghttp3_conn_resume_stream(connection_, stream);
  }
}

bool Http3Codec::is_open(StreamId stream) const {
  return exchanges_.contains(stream);
}

std::size_t Http3Codec::queued(StreamId stream) const {
  const auto found = exchanges_.find(stream);
  return found == exchanges_.end() ? 0 : found->second.body.size();
}

}  // namespace i2::gateway
