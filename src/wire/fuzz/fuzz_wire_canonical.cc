// The canonical encoding under arbitrary bytes. The input names its own schema: one byte with the
// number of fields, one byte per field with its kind, then the encoded value. Whatever decodes by
// the schema must encode to the bytes it came from.
#include <i2/base/assert.h>
#include <i2/wire/canonical.h>

#include <utility>
#include <variant>
#include <vector>

namespace i2::wire {
namespace {

constexpr std::size_t kFieldsMax = 16;
constexpr std::size_t kSizeMax = 1'024;
constexpr std::size_t kCountMax = 256;

using Scalars = std::vector<std::uint64_t>;
using Entries = std::vector<std::pair<std::string, Bytes>>;
using Value = std::variant<std::uint64_t, Bytes, std::string, Scalars, Entries>;

enum class Kind : std::uint8_t {
  kU8,
  kU16,
  kU32,
  kU64,
  kBoolean,
  kFixed,
  kBytes,
  kText,
  kList,
  kMap,
};
constexpr std::uint8_t kKinds = 10;

Value decode_list(CanonicalReader& r) {
  const std::size_t count = r.count(kCountMax);
  Scalars out;
  out.reserve(count);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    out.push_back(r.u32());
  }
  return out;
}

Value decode_map(CanonicalReader& r) {
  const std::size_t count = r.count(kCountMax);
  Entries out;
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    std::string key = r.text(kSizeMax);
    if (!out.empty() && key <= out.back().first) {
      r.fail();
    }
    out.emplace_back(std::move(key), to_bytes(r.bytes(kSizeMax)));
  }
  return out;
}

Value decode(CanonicalReader& r, Kind kind) {
  switch (kind) {
    case Kind::kU8:
      return std::uint64_t{r.u8()};
    case Kind::kU16:
      return std::uint64_t{r.u16()};
    case Kind::kU32:
      return std::uint64_t{r.u32()};
    case Kind::kU64:
      return r.u64();
    case Kind::kBoolean:
      return std::uint64_t{r.boolean()};
    case Kind::kFixed:
      return to_bytes(r.fixed<5>());
    case Kind::kBytes:
      return to_bytes(r.bytes(kSizeMax));
    case Kind::kText:
      return r.text(kSizeMax);
    case Kind::kList:
      return decode_list(r);
    case Kind::kMap:
      return decode_map(r);
  }
  std::unreachable();
}

void encode_list(CanonicalWriter& w, const Scalars& values) {
  w.count(values.size());
  for (const std::uint64_t value : values) {
    w.u32(static_cast<std::uint32_t>(value));
  }
}

void encode_map(CanonicalWriter& w, const Entries& entries) {
  w.count(entries.size());
  for (const auto& [key, value] : entries) {
    w.text(key);
    w.bytes(value);
  }
}

void encode(CanonicalWriter& w, Kind kind, const Value& value) {
  switch (kind) {
    case Kind::kU8:
      return w.u8(static_cast<std::uint8_t>(std::get<std::uint64_t>(value)));
    case Kind::kU16:
      return w.u16(static_cast<std::uint16_t>(std::get<std::uint64_t>(value)));
    case Kind::kU32:
      return w.u32(static_cast<std::uint32_t>(std::get<std::uint64_t>(value)));
    case Kind::kU64:
      return w.u64(std::get<std::uint64_t>(value));
    case Kind::kBoolean:
      return w.boolean(std::get<std::uint64_t>(value) != 0);
    case Kind::kFixed:
      return w.fixed(std::get<Bytes>(value));
    case Kind::kBytes:
      return w.bytes(std::get<Bytes>(value));
    case Kind::kText:
      return w.text(std::get<std::string>(value));
    case Kind::kList:
      return encode_list(w, std::get<Scalars>(value));
    case Kind::kMap:
      return encode_map(w, std::get<Entries>(value));
  }
}

void check(ByteView input) {
  Reader schema(input);
  const ByteView kinds = schema.bytes(schema.u8() % (kFieldsMax + 1));
  const ByteView encoded = schema.rest();
  if (!schema.ok()) {
    return;
  }
  // The input also names its type and version, so that the fuzzer need not guess them.
  Reader head(encoded);
  const std::uint16_t type = head.u16();
  const std::uint16_t version = head.u16();

  CanonicalReader r(encoded, type, version);
  std::vector<Value> values;
  for (const std::uint8_t kind : kinds) {
    values.push_back(decode(r, static_cast<Kind>(kind % kKinds)));
  }
  if (!r.finish()) {
    return;
  }
  CanonicalWriter w(type, version);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    encode(w, static_cast<Kind>(kinds[i] % kKinds), values[i]);
  }
  I2_ASSERT(equal(std::move(w).take(), encoded));
  I2_ASSERT(!CanonicalReader(encoded, type, version ^ 1).ok());
}

}  // namespace
}  // namespace i2::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  i2::wire::check({data, size});
  return 0;
}
