// A client of HTTP/2 that says anything: every request is answered, nothing is kept beyond limits.
#include <i2/base/assert.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "http2_codec.h"

namespace i2::gateway {
namespace {

const ServiceLimits kLimits{
    .headers_size_max = 2'000, .headers_count_max = 20, .body_size_max = 4'000};

// Answers at once, as a resource that needs nobody.
struct Answering final : RequestListener {
  void on_request(StreamId stream, Request request) override {
    I2_ASSERT(request.body.size() <= kLimits.body_size_max);
    I2_ASSERT(request.headers.all().size() <= kLimits.headers_count_max);
    answer(stream, json_response(request.target));
  }
  void on_refused(StreamId stream, Error error) override {
    answer(stream, json_response(error.code(), 400));
  }
  void on_gone(StreamId) override {}
  void answer(StreamId stream, const Response& response) const {
    if (sink != nullptr) {
      sink->respond(stream, response, stream % 8 != 0);
      sink->append(stream, "more", true);
    }
  }
  ResponseSink* sink = nullptr;
};

void run(ByteView input) {
  Answering listener;
  const auto codec = Http2Codec::create(kLimits, Client{}, listener).value();
  listener.sink = codec.get();
  // The preface every client sends, so that the input begins with frames.
  (void)codec->read(as_bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  while (!input.empty()) {
    const std::size_t size = std::min<std::size_t>(input.size(), 1 + input[0]);
    if (!codec->read(input.first(size))) {
      break;
    }
    input = input.subspan(size);
    for (;;) {
      const auto output = codec->next_output();
      if (!output || output->empty()) {
        break;
      }
    }
  }
}

}  // namespace
}  // namespace i2::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  i2::gateway::run({data, size});
  return 0;
}
