#include "http2_codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

namespace i2::gateway {
namespace {

constexpr std::uint32_t kStreamsMax = 100;
constexpr std::uint32_t kWindow = 256 * 1024;  // of a stream; a body waits in it at most

std::unexpected<Error> broken(std::int64_t code) {
  return fail("gateway.http2", nghttp2_strerror(static_cast<int>(code)), code);
}

nghttp2_nv http2_field(std::string_view name, std::string_view value) {
  // nghttp2 copies both.
  auto* const name_bytes = const_cast<char*>(name.data());
  auto* const value_bytes = const_cast<char*>(value.data());
  return {.name = reinterpret_cast<std::uint8_t*>(name_bytes),
          .value = reinterpret_cast<std::uint8_t*>(value_bytes),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

// The way in from C.
struct Http2Callbacks {
  static Http2Codec& self(void* user) { return *static_cast<Http2Codec*>(user); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      Http2Codec& codec = self(user);
      codec.exchanges_.try_emplace(frame->hd.stream_id,
                                   RequestBuilder(codec.limits_, codec.client_));
    }
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                    std::uint8_t, void* user) {
    auto* const exchange = self(user).find(frame->hd.stream_id);
    // Trailers are read and dropped.
    if (exchange != nullptr && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      exchange->builder.field(as_text({name, name_size}), as_text({value, value_size}));
    }
    return 0;
  }
  static int data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                  std::size_t size, void* user) {
    if (auto* const exchange = self(user).find(stream); exchange != nullptr) {
      exchange->builder.body(as_text({bytes, size}));
      self(user).refuse_if_due(stream, *exchange);
    }
    return 0;
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool ends = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    auto* const exchange = ends ? self(user).find(frame->hd.stream_id) : nullptr;
    if (exchange != nullptr) {
      self(user).refuse_if_due(frame->hd.stream_id, *exchange);
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        self(user).finish_request(frame->hd.stream_id);
      }
    }
    return 0;
  }
  static int stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t, void* user) {
    if (self(user).exchanges_.erase(stream) > 0) {
      self(user).listener_.on_gone(stream);
    }
    return 0;
  }
  static nghttp2_ssize body(nghttp2_session*, std::int32_t stream, std::uint8_t* out,
                            std::size_t size, std::uint32_t* flags, nghttp2_data_source*,
                            void* user) {
    auto* const exchange = self(user).find(stream);
    if (exchange == nullptr) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const std::string piece = exchange->body.take(size);
    std::ranges::copy(as_bytes(piece), out);
    if (exchange->body.size() == 0 && exchange->body.ended()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (piece.empty()) {
      exchange->waiting = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<nghttp2_ssize>(piece.size());
  }
};

Result<std::unique_ptr<Http2Codec>> Http2Codec::create(const ServiceLimits& limits,
                                                       const Client& client,
                                                       RequestListener& listener) {
  std::unique_ptr<Http2Codec> out(new Http2Codec(limits, client, listener));
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* options = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0) {
    nghttp2_session_callbacks_del(callbacks);
    return broken(NGHTTP2_ERR_NOMEM);
  }
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Http2Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Http2Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Http2Callbacks::data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Http2Callbacks::frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Http2Callbacks::stream_close);
  // nghttp2's own limits hold for the size of a header block (64 KiB) and for resets in a row.
  nghttp2_option_set_max_outbound_ack(options, 1'000);
  nghttp2_option_set_max_settings(options, 32);
  const int made = nghttp2_session_server_new2(&out->session_, callbacks, out.get(), options);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) {
    return broken(made);
  }
  const std::array<nghttp2_settings_entry, 3> settings{
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
        static_cast<std::uint32_t>(limits.headers_size_max)}}};
  if (const int rv = nghttp2_submit_settings(out->session_, NGHTTP2_FLAG_NONE, settings.data(),
                                             settings.size());
      rv != 0) {
    return broken(rv);
  }
  return out;
}

Http2Codec::~Http2Codec() {
  nghttp2_session_del(session_);
}

Http2Codec::Exchange* Http2Codec::find(StreamId stream) {
  const auto found = exchanges_.find(stream);
  return found == exchanges_.end() ? nullptr : &found->second;
}

void Http2Codec::refuse_if_due(StreamId stream, Exchange& exchange) {
  if (exchange.builder.error() && !exchange.complete) {
    exchange.complete = true;
    listener_.on_refused(stream, *exchange.builder.error());
  }
}

void Http2Codec::finish_request(StreamId stream) {
  Exchange* const exchange = find(stream);
  if (exchange == nullptr || exchange->complete) {
    return;
  }
  exchange->complete = true;
  if (auto request = exchange->builder.finish()) {
    listener_.on_request(stream, *std::move(request));
  } else {
    listener_.on_refused(stream, std::move(request).error());
  }
}

Result<void> Http2Codec::read(ByteView bytes) {
  const nghttp2_ssize rv = nghttp2_session_mem_recv2(session_, bytes.data(), bytes.size());
  if (rv < 0) {
    return broken(rv);
  }
  return {};
}

Result<ByteView> Http2Codec::next_output() {
  const std::uint8_t* data = nullptr;
  const nghttp2_ssize size = nghttp2_session_mem_send2(session_, &data);
  if (size < 0) {
    return broken(size);
  }
  return ByteView(data, static_cast<std::size_t>(size));
}

void Http2Codec::shut_down() {
  (void)nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                              nullptr, 0);
}

bool Http2Codec::finished() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Http2Codec::respond(StreamId stream, const Response& response, bool end) {
  Exchange* const exchange = find(stream);
  if (exchange == nullptr || exchange->responded) {
    return;
  }
  exchange->responded = true;
  exchange->body.push(response.body, end);
  const std::string status = std::to_string(response.status);
  std::vector<nghttp2_nv> fields{http2_field(":status", status)};
  for (const Header& header : response.headers.all()) {
    fields.push_back(http2_field(header.name, header.value));
  }
  const nghttp2_data_provider2 provider{.source = {.ptr = nullptr},
                                        .read_callback = Http2Callbacks::body};
  (void)nghttp2_submit_response2(session_, static_cast<std::int32_t>(stream), fields.data(),
                                 fields.size(), &provider);
}

void Http2Codec::append(StreamId stream, std::string piece, bool end) {
  Exchange* const exchange = find(stream);
  if (exchange == nullptr) {
    return;
  }
  exchange->body.push(std::move(piece), end);
  if (exchange->waiting) {
    exchange->waiting = false;
    (void)nghttp2_session_resume_data(session_, static_cast<std::int32_t>(stream));
  }
}

bool Http2Codec::is_open(StreamId stream) const {
  return exchanges_.contains(stream);
}

std::size_t Http2Codec::queued(StreamId stream) const {
  const auto found = exchanges_.find(stream);
  return found == exchanges_.end() ? 0 : found->second.body.size();
}

}  // namespace i2::gateway
