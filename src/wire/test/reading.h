// The example value of docs/wire/canonical.md: one field of every kind.
#pragma once

#include <i2/wire/canonical.h>

#include <map>
#include <string>
#include <vector>

namespace i2::wire {

struct Reading {
  std::uint8_t channel = 0;
  std::uint16_t port = 0;
  std::uint32_t sequence = 0;
  std::uint64_t time = 0;
  bool final = false;
  std::array<std::uint8_t, 4> digest{};
  Bytes payload;
  std::string name;
  std::vector<std::uint16_t> samples;
  std::map<std::string, std::uint32_t> limits;

  friend bool operator==(const Reading&, const Reading&) = default;
};

inline constexpr std::uint16_t kReadingType = 0xfff0;

inline Bytes encode(const Reading& value) {
  CanonicalWriter w(kReadingType, 1);
  w.u8(value.channel);
  w.u16(value.port);
  w.u32(value.sequence);
  w.u64(value.time);
  w.boolean(value.final);
  w.fixed(value.digest);
  w.bytes(value.payload);
  w.text(value.name);
  w.count(value.samples.size());
  for (const std::uint16_t sample : value.samples) {
    w.u16(sample);
  }
  w.count(value.limits.size());
  for (const auto& [key, limit] : value.limits) {
    w.text(key);
    w.u32(limit);
  }
  return std::move(w).take();
}

inline Result<Reading> decode_reading(ByteView input) {
  CanonicalReader r(input, kReadingType, 1);
  Reading value;
  value.channel = r.u8();
  value.port = r.u16();
  value.sequence = r.u32();
  value.time = r.u64();
  value.final = r.boolean();
  value.digest = r.fixed<4>();
  value.payload = to_bytes(r.bytes(16));
  value.name = r.text(16);
  for (std::size_t left = r.count(4); left > 0; --left) {
    value.samples.push_back(r.u16());
  }
  for (std::size_t left = r.count(4); left > 0; --left) {
    std::string key = r.text(8);
    const std::uint32_t limit = r.u32();
    if (!value.limits.empty() && key <= value.limits.rbegin()->first) {
      r.fail();
    }
    value.limits.emplace(std::move(key), limit);
  }
  I2_TRY(r.finish());
  return value;
}

}  // namespace i2::wire
