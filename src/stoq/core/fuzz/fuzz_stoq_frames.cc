// Frames of the control stream from a hostile peer. What is accepted survives being written again.
#include <i2/base/assert.h>
#include <i2/stoq/core/frames.h>

#include <cstddef>
#include <cstdint>

namespace {

using namespace i2;
using namespace i2::stoq::core;

void check_body(const Frame& frame) {
  switch (static_cast<FrameType>(frame.type)) {
    case FrameType::kSettings:
      if (const auto settings = decode_settings(frame.body)) {
        I2_ASSERT(settings->version_min <= settings->version_max);
        I2_ASSERT(decode_settings(encode(*settings)) == *settings);
      }
      break;
    case FrameType::kPing:
    case FrameType::kPong:
      if (const auto ping = decode_ping(frame.body)) {
        I2_ASSERT(equal(encode(*ping), frame.body));
      }
      break;
    default:
      break;
  }
}

// Cut anywhere, a frame is either complete or wanted more of; it never changes or fails half-way.
void check_cut(ByteView input, const FrameParse& whole) {
  const auto cut = parse_frame(input.first(whole.consumed - 1));
  I2_ASSERT(cut.has_value() && !cut->frame && cut->consumed == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView rest(data, size);
  for (;;) {
    const auto parsed = parse_frame(rest);
    if (!parsed || !parsed->frame) {
      return 0;
    }
    const Frame& frame = *parsed->frame;
    I2_ASSERT(parsed->consumed >= 2 + frame.body.size() && parsed->consumed <= rest.size());
    I2_ASSERT(frame.body.size() <= kFrameBodyMax);
    check_cut(rest, *parsed);
    check_body(frame);
    Bytes again;
    append_frame(again, static_cast<FrameType>(frame.type), frame.body);
    I2_ASSERT(again.size() <= parsed->consumed);
    const auto reread = parse_frame(again);
    I2_ASSERT(reread && reread->frame && reread->consumed == again.size());
    I2_ASSERT(reread->frame->type == frame.type && equal(reread->frame->body, frame.body));
    rest = rest.subspan(parsed->consumed);
  }
}
