// Values of one of several types, whose canonical types are numbers that follow one another in the
// order of a variant: bodies of operations.
#pragma once

#include <i2/wire/canonical.h>

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace i2::wire {

// `read(reader, value)` reads the fields. None when `encoding` is not exactly one value of `type`,
// the number of an alternative counted from `first`.
template <class Variant, class Read>
[[nodiscard]] std::optional<Variant> decode_alternative(std::uint16_t type, std::uint16_t first,
                                                        std::uint16_t version, ByteView encoding,
                                                        const Read& read) {
  const auto decode = [&]<class T>(std::type_identity<T>) -> std::optional<Variant> {
    CanonicalReader r(encoding, type, version);
    T out;
    read(r, out);
    return r.finish() ? std::optional<Variant>(std::move(out)) : std::nullopt;
  };
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::optional<Variant> out;
    (void)((type == first + I &&
            (out = decode(std::type_identity<std::variant_alternative_t<I, Variant>>{}), true)) ||
           ...);
    return out;
  }(std::make_index_sequence<std::variant_size_v<Variant>>{});
}

}  // namespace i2::wire
