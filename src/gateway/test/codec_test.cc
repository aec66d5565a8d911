// The codecs against clients of the libraries they are made with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <deque>

#include "http2_codec.h"
#include "http3_codec.h"

namespace i2::gateway {
namespace {

const ServiceLimits kLimits{
    .headers_size_max = 2'000, .headers_count_max = 20, .body_size_max = 100'000};

struct Heard final : RequestListener {
  void on_request(StreamId stream, Request request) override {
    requests[stream] = std::move(request);
  }
  void on_refused(StreamId stream, Error error) override { refused[stream] = error.code(); }
  void on_gone(StreamId stream) override { gone.push_back(stream); }

  std::map<StreamId, Request> requests;
  std::map<StreamId, std::string> refused;
  std::vector<StreamId> gone;
};

Response answer(std::string body) {
  Response out = json_response(std::move(body));
  out.headers.add("content-length", std::to_string(out.body.size()));
  return out;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields get(std::string path) {
  return {{":method", "GET"},
          {":scheme", "https"},
          {":authority", "localhost"},
          {":path", std::move(path)}};
}

// What a client heard of one response.
struct Answered {
  std::string status;
  std::string body;
  bool ended = false;
  bool closed = false;
};

// --- HTTP/2

class Http2Client {
 public:
  Http2Client() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user) {
          if (as_text({name, name_size}) == ":status") {
            static_cast<Http2Client*>(user)->answers[frame->hd.stream_id].status =
                as_text({value, value_size});
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                      std::size_t size, void* user) {
          static_cast<Http2Client*>(user)->answers[stream].body += as_text({data, size});
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t stream, std::uint32_t code, void* user) {
          auto& answered = static_cast<Http2Client*>(user)->answers[stream];
          answered.closed = true;
          answered.ended = code == NGHTTP2_NO_ERROR;
          return 0;
        });
    nghttp2_session_client_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Http2Client() { nghttp2_session_del(session); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  StreamId ask(const Fields& fields, std::string body = {}) {
    std::vector<nghttp2_nv> native;
    for (const auto& [name, value] : fields) {
      native.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
                        name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    sending = std::move(body);
    const nghttp2_data_provider2 provider{
        .source = {.ptr = &sending},
        .read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t size,
                            std::uint32_t* flags, nghttp2_data_source* source,
                            void*) -> nghttp2_ssize {
          auto& text = *static_cast<std::string*>(source->ptr);
          const std::size_t count = std::min(size, text.size());
          std::copy_n(text.begin(), count, out);
          text.erase(0, count);
          *flags |= text.empty() ? NGHTTP2_DATA_FLAG_EOF : 0;
          return static_cast<nghttp2_ssize>(count);
        }};
    return nghttp2_submit_request2(session, nullptr, native.data(), native.size(),
                                   sending.empty() ? nullptr : &provider, nullptr);
  }

  nghttp2_session* session = nullptr;
  std::string sending;
  std::map<StreamId, Answered> answers;
};

class Http2Test : public ::testing::Test {
 protected:
  Http2Test() : codec_(Http2Codec::create(kLimits, Client{}, heard_).value()) {}

  // Until neither side has anything to say.
  void exchange() {
    for (bool any = true; any;) {
      any = false;
      const std::uint8_t* data = nullptr;
      while (const auto size = nghttp2_session_mem_send2(client_.session, &data)) {
        ASSERT_GT(size, 0);
        ASSERT_TRUE(codec_->read({data, static_cast<std::size_t>(size)}));
        any = true;
      }
      for (;;) {
        const auto output = codec_->next_output();
        ASSERT_TRUE(output);
        if (output->empty()) {
          break;
        }
        ASSERT_GE(nghttp2_session_mem_recv2(client_.session, output->data(), output->size()), 0);
        any = true;
      }
    }
  }

  Heard heard_;
  std::unique_ptr<Http2Codec> codec_;
  Http2Client client_;
};

TEST_F(Http2Test, ARequestAndItsAnswer) {
  const StreamId stream = client_.ask(get("/health"));
  exchange();
  ASSERT_TRUE(heard_.requests.contains(stream));
  EXPECT_EQ(heard_.requests[stream].target, "/health");
  EXPECT_EQ(heard_.requests[stream].authority, "localhost");
  codec_->respond(stream, answer("{}"), true);
  exchange();
  EXPECT_EQ(client_.answers[stream].status, "200");
  EXPECT_EQ(client_.answers[stream].body, "{}");
  EXPECT_TRUE(client_.answers[stream].ended);
  EXPECT_EQ(codec_->open_requests(), 0u);
  EXPECT_THAT(heard_.gone, ::testing::ElementsAre(stream));
}

TEST_F(Http2Test, ABodyThatIsMadeWhileItIsSent) {
  const StreamId stream = client_.ask(get("/events"));
  exchange();
  codec_->respond(stream, Response{}, false);
  exchange();
  EXPECT_EQ(client_.answers[stream].body, "");
  codec_->append(stream, "one", false);
  exchange();
  EXPECT_EQ(client_.answers[stream].body, "one");
  EXPECT_EQ(codec_->queued(stream), 0u);
  codec_->append(stream, "two", true);
  exchange();
  EXPECT_EQ(client_.answers[stream].body, "onetwo");
  EXPECT_TRUE(client_.answers[stream].ended);
}

TEST_F(Http2Test, ALargeBodyWaitsForTheClientsWindow) {
  const StreamId stream = client_.ask(get("/large"));
  exchange();
  const std::string body(1'000'000, 'x');
  codec_->respond(stream, answer(body), true);
  exchange();
  EXPECT_EQ(client_.answers[stream].body, body);
}

TEST_F(Http2Test, ARequestsBodyIsCollectedAndBounded) {
  const StreamId small = client_.ask(get("/post"), std::string(50'000, 'x'));
  exchange();
  EXPECT_EQ(heard_.requests[small].body.size(), 50'000u);
  const StreamId large = client_.ask(get("/post"), std::string(150'000, 'x'));
  exchange();
  EXPECT_EQ(heard_.refused[large], "gateway.body_too_large");
  EXPECT_FALSE(heard_.requests.contains(large));
}

TEST_F(Http2Test, ManyHeaderFieldsAreRefused) {
  Fields fields = get("/x");
  for (int i = 0; i < 30; ++i) {
    fields.emplace_back("x-" + std::to_string(i), "y");
  }
  const StreamId stream = client_.ask(fields);
  exchange();
  EXPECT_EQ(heard_.refused[stream], "gateway.headers_too_large");
}

TEST_F(Http2Test, AResetRequestIsGone) {
  const StreamId stream = client_.ask(get("/slow"));
  exchange();
  nghttp2_submit_rst_stream(client_.session, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(stream),
                            NGHTTP2_CANCEL);
  exchange();
  EXPECT_FALSE(codec_->is_open(stream));
  codec_->respond(stream, answer("{}"), true);  // goes nowhere
  codec_->append(stream, "x", true);
  exchange();
}

TEST_F(Http2Test, AfterShutdownWhatIsUnderWayIsServed) {
  const StreamId stream = client_.ask(get("/a"));
  exchange();
  codec_->shut_down();
  codec_->respond(stream, answer("{}"), true);
  exchange();
  EXPECT_EQ(client_.answers[stream].body, "{}");
  EXPECT_TRUE(codec_->finished());
}

TEST_F(Http2Test, GarbageEndsTheConnection) {
  const auto read = codec_->read(as_bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), "gateway.http2");
}

// --- HTTP/3

class Http3Client {
 public:
  Http3Client() {
    nghttp3_callbacks callbacks{};
    callbacks.recv_header = [](nghttp3_conn*, std::int64_t stream, std::int32_t token,
                               nghttp3_rcbuf*, nghttp3_rcbuf* value, std::uint8_t, void* user,
                               void*) {
      if (token == NGHTTP3_QPACK_TOKEN__STATUS) {
        const nghttp3_vec text = nghttp3_rcbuf_get_buf(value);
        static_cast<Http3Client*>(user)->answers[stream].status = as_text({text.base, text.len});
      }
      return 0;
    };
    callbacks.recv_data = [](nghttp3_conn*, std::int64_t stream, const std::uint8_t* data,
                             std::size_t size, void* user, void*) {
      static_cast<Http3Client*>(user)->answers[stream].body += as_text({data, size});
      return 0;
    };
    callbacks.end_stream = [](nghttp3_conn*, std::int64_t stream, void* user, void*) {
      static_cast<Http3Client*>(user)->answers[stream].ended = true;
      return 0;
    };
    nghttp3_settings settings;
    nghttp3_settings_default(&settings);
    nghttp3_conn_client_new(&connection, &callbacks, &settings, nghttp3_mem_default(), this);
    nghttp3_conn_bind_control_stream(connection, 2);
    nghttp3_conn_bind_qpack_streams(connection, 6, 10);
  }
  ~Http3Client() { nghttp3_conn_del(connection); }
  Http3Client(const Http3Client&) = delete;
  Http3Client& operator=(const Http3Client&) = delete;

  void ask(StreamId stream, const Fields& fields, std::string body = {}) {
    std::vector<nghttp3_nv> native;
    for (const auto& [name, value] : fields) {
      native.push_back({reinterpret_cast<const std::uint8_t*>(name.data()),
                        reinterpret_cast<const std::uint8_t*>(value.data()), name.size(),
                        value.size(), NGHTTP3_NV_FLAG_NONE});
    }
    sending[stream] = std::move(body);
    const nghttp3_data_reader reader{[](nghttp3_conn*, std::int64_t id, nghttp3_vec* out,
                                        std::size_t, std::uint32_t* flags, void* user,
                                        void*) -> nghttp3_ssize {
      std::string& text = static_cast<Http3Client*>(user)->sending[id];
      *out = {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
      *flags |= NGHTTP3_DATA_FLAG_EOF;
      return 1;
    }};
    ASSERT_EQ(nghttp3_conn_submit_request(connection, stream, native.data(), native.size(),
                                          sending[stream].empty() ? nullptr : &reader, nullptr),
              0);
  }

  nghttp3_conn* connection = nullptr;
  std::map<StreamId, std::string> sending;
  std::map<StreamId, Answered> answers;
};

class Http3Test : public ::testing::Test {
 protected:
  Http3Test()
      : codec_(Http3Codec::create(kLimits, Client{}, {.control = 3, .encoder = 7, .decoder = 11},
                                  heard_)
                   .value()) {
    codec_->allow_streams(100);
  }

  void exchange() {
    for (bool any = true; any;) {
      any = false;
      for (;;) {
        nghttp3_vec vectors[8];
        StreamId stream = -1;
        int end = 0;
        const auto count =
            nghttp3_conn_writev_stream(client_.connection, &stream, &end, vectors, 8);
        ASSERT_GE(count, 0);
        if (stream == -1) {
          break;
        }
        Bytes bytes;
        for (nghttp3_ssize i = 0; i < count; ++i) {
          append(bytes, ByteView(vectors[i].base, vectors[i].len));
        }
        nghttp3_conn_add_write_offset(client_.connection, stream, bytes.size());
        read_ = codec_->read(stream, bytes, end != 0, ++now_);
        ASSERT_TRUE(read_) << read_.error().to_string();
        any = true;
      }
      for (;;) {
        const auto output = codec_->next_output();
        ASSERT_TRUE(output) << output.error().to_string();
        if (!*output) {
          break;
        }
        ASSERT_GE(nghttp3_conn_read_stream2(client_.connection, (*output)->stream,
                                            (*output)->bytes.data(), (*output)->bytes.size(),
                                            (*output)->end ? 1 : 0, ++now_),
                  0);
        any = true;
      }
    }
  }

  Heard heard_;
  std::unique_ptr<Http3Codec> codec_;
  Http3Client client_;
  Result<void> read_;
  Timestamp now_ = 1;
};

TEST_F(Http3Test, ARequestAndItsAnswer) {
  client_.ask(0, get("/health"));
  exchange();
  ASSERT_TRUE(heard_.requests.contains(0));
  EXPECT_EQ(heard_.requests[0].target, "/health");
  codec_->respond(0, answer("{}"), true);
  exchange();
  EXPECT_EQ(client_.answers[0].status, "200");
  EXPECT_EQ(client_.answers[0].body, "{}");
  EXPECT_TRUE(client_.answers[0].ended);
  ASSERT_TRUE(codec_->close_stream(0, NGHTTP3_H3_NO_ERROR));
  EXPECT_EQ(codec_->open_requests(), 0u);
  EXPECT_THAT(heard_.gone, ::testing::ElementsAre(0));
}

TEST_F(Http3Test, ABodyThatIsMadeWhileItIsSent) {
  client_.ask(0, get("/events"));
  exchange();
  codec_->respond(0, Response{}, false);
  exchange();
  EXPECT_EQ(client_.answers[0].status, "200");
  codec_->append(0, "one", false);
  exchange();
  EXPECT_EQ(client_.answers[0].body, "one");
  EXPECT_FALSE(client_.answers[0].ended);
  codec_->append(0, "two", false);
  codec_->append(0, "", true);
  exchange();
  EXPECT_EQ(client_.answers[0].body, "onetwo");
  EXPECT_TRUE(client_.answers[0].ended);
}

TEST_F(Http3Test, ALargeBodyAndManyStreams) {
  const std::string body(1'000'000, 'x');
  for (StreamId stream = 0; stream < 40; stream += 4) {
    client_.ask(stream, get("/large"));
  }
  exchange();
  EXPECT_EQ(heard_.requests.size(), 10u);
  for (StreamId stream = 0; stream < 40; stream += 4) {
    codec_->respond(stream, answer(body), true);
  }
  exchange();
  for (StreamId stream = 0; stream < 40; stream += 4) {
    EXPECT_EQ(client_.answers[stream].body, body) << stream;
  }
}

TEST_F(Http3Test, WhatIsTooLargeIsRefusedWhileItComes) {
  client_.ask(0, get("/post"), std::string(50'000, 'x'));
  client_.ask(4, get("/post"), std::string(150'000, 'x'));
  Fields fields = get("/x");
  fields.emplace_back("cookie", std::string(3'000, 'x'));
  client_.ask(8, fields);
  exchange();
  EXPECT_EQ(heard_.requests[0].body.size(), 50'000u);
  EXPECT_EQ(heard_.refused[4], "gateway.body_too_large");
  EXPECT_EQ(heard_.refused[8], "gateway.headers_too_large");
  const auto aborts = codec_->take_aborts();
  ASSERT_EQ(aborts.size(), 2u);
  EXPECT_TRUE(aborts[0].reading);
  EXPECT_EQ(aborts[0].code, static_cast<std::uint64_t>(NGHTTP3_H3_NO_ERROR));
}

TEST_F(Http3Test, AResetRequestIsGone) {
  client_.ask(0, get("/slow"));
  exchange();
  ASSERT_TRUE(codec_->close_stream(0, NGHTTP3_H3_REQUEST_CANCELLED));
  EXPECT_FALSE(codec_->is_open(0));
  codec_->respond(0, answer("{}"), true);  // goes nowhere
  codec_->append(0, "x", true);
  exchange();
  EXPECT_TRUE(client_.answers.empty());
}

TEST_F(Http3Test, AClosedControlStreamEndsTheConnection) {
  exchange();
  const auto read = codec_->read(2, {}, true, ++now_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().native(), NGHTTP3_H3_CLOSED_CRITICAL_STREAM);
}

TEST_F(Http3Test, AFrameThatMustNotComeEndsTheConnection) {
  const Bytes data_first{0x00, 0x01, 'x'};  // DATA before HEADERS
  const auto read = codec_->read(0, data_first, false, ++now_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().native(), NGHTTP3_H3_FRAME_UNEXPECTED);
}

}  // namespace
}  // namespace i2::gateway
