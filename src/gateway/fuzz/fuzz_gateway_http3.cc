// A client of HTTP/3 that says anything: every request is answered, nothing is kept beyond limits.
#include <i2/base/assert.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "http3_codec.h"

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

// Input: records of one byte that names a stream and its end, one byte of length, the bytes.
void run(ByteView input) {
  Answering listener;
  const auto codec =
      Http3Codec::create(kLimits, Client{}, {.control = 3, .encoder = 7, .decoder = 11}, listener)
          .value();
  listener.sink = codec.get();
  codec->allow_streams(100);
  Timestamp now = 1;
  std::uint64_t ended = 0;  // streams whose end has come, as bits
  while (input.size() >= 2) {
    // Client-initiated: 0, 4, 8, ... and the unidirectional 2, 6, 10, ...
    const StreamId stream = (input[0] & 0x1f) * 2;
    const bool end = (input[0] & 0x20) != 0;
    const std::size_t size = std::min<std::size_t>(input.size() - 2, input[1]);
    const std::uint64_t bit = 1ULL << (input[0] & 0x1f);
    if ((input[0] & 0x80) != 0) {
      if (!codec->close_stream(stream, 0x10c)) {
        return;
      }
      ended |= bit;
    } else if ((ended & bit) == 0) {
      if (!codec->read(stream, input.subspan(2, size), end, ++now)) {
        return;
      }
      ended |= end ? bit : 0;
    }
    input = input.subspan(2 + size);
    (void)codec->take_aborts();
    for (;;) {
      const auto output = codec->next_output();
      if (!output || !*output) {
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
