// Sets of metrics, each defined once. A definition names the cell, what it counts, in which unit,
// and says so in words; the Prometheus name i2_<layer>_<what>_<unit> and the JSON key <what>_<unit>
// follow.
//
//   using SocketMetrics = Metrics<"stoq",
//       Metric<Counter, "sent", Unit::kBytes, "Payload given to the socket">,
//       Metric<Histogram, "handshake", Unit::kNanoseconds, "First packet to confirmed handshake">>;
//
//   SocketMetrics metrics;                             // one per worker, written by that worker
//   only metrics.get<"sent_bytes">().add(1452);             // a key that is not defined does not
//   compile metrics.get<"handshake_seconds">().record(nanoseconds);
//
//   Snapshot<SocketMetrics> all;                       // any thread, at any time
//   for (const Worker& worker : workers) all.merge(Snapshot(worker.metrics));
//   visit(all, [](const Description& d, const auto& value) { ... });
//
// Threading: as the cells (cells.h). An object neither copies nor moves and has cache lines of its
// own.
#pragma once

#include <i2/telemetry/cells.h>
#include <i2/telemetry/histogram.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

namespace i2::telemetry {

// A string as a template argument.
template <std::size_t N>
struct FixedString {
  std::array<char, N> text{};  // ends with NUL

  constexpr FixedString() = default;
  constexpr FixedString(const char (&literal)[N]) {  // NOLINT(*-explicit-*, *-avoid-c-arrays)
    std::copy_n(literal, N, text.begin());
  }
  [[nodiscard]] constexpr std::string_view view() const { return {text.data(), N - 1}; }
};

template <FixedString... kParts>
consteval auto join() {
  FixedString<(kParts.view().size() + ... + 1)> out;
  auto end = out.text.begin();
  ((end = std::ranges::copy(kParts.view(), end).out), ...);
  return out;
}

// What a cell is given. Names and exported values use the base unit of the same quantity.
enum class Unit : std::uint8_t {
  kNone,  // things: `what` names them in the plural
  kBytes,
  kNanoseconds,      // exported as seconds
  kPartsPerMillion,  // exported as a ratio, 0 to 1
};

template <Unit>
inline constexpr auto kUnitSuffix = FixedString{""};
template <>
inline constexpr auto kUnitSuffix<Unit::kBytes> = FixedString{"_bytes"};
template <>
inline constexpr auto kUnitSuffix<Unit::kNanoseconds> = FixedString{"_seconds"};
template <>
inline constexpr auto kUnitSuffix<Unit::kPartsPerMillion> = FixedString{"_ratio"};

// How many base units one of the recorded units is.
[[nodiscard]] constexpr double scale_of(Unit unit) {
  switch (unit) {
    case Unit::kNone:
    case Unit::kBytes:
      return 1;
    case Unit::kNanoseconds:
      return 1e-9;
    case Unit::kPartsPerMillion:
      return 1e-6;
  }
  std::unreachable();
}

// All a reader needs to show a metric; the views have static lifetime.
struct Description {
  std::string_view name;   // "i2_stoq_sent_bytes_total"; counters end in _total
  std::string_view layer;  // "stoq"
  std::string_view key;    // "sent_bytes"
  std::string_view help;
  Kind kind;
  Unit unit;
  double scale;  // recorded value * scale = value in the unit of the name
};

// Lower-case words joined by single underscores, beginning with a letter (Prometheus naming rules).
[[nodiscard]] constexpr bool is_metric_word(std::string_view text) {
  char before = '_';
  for (const char c : text) {
    const bool letter = c >= 'a' && c <= 'z';
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !(digit && before != '_') && !(c == '_' && before != '_')) {
      return false;
    }
    before = c;
  }
  return before != '_';
}

template <class CellType, FixedString kWhat, Unit kUnitOf, FixedString kHelp>
struct Metric {
  static_assert(is_metric_word(kWhat.view()), "a metric is named in lower-case words");
  static_assert(!kHelp.view().empty(), "a metric says what it counts");

  using Cell = CellType;
  static constexpr auto kKey = join<kWhat, kUnitSuffix<kUnitOf>>();

  template <FixedString kLayer>
  static constexpr auto kName = [] {
    if constexpr (Cell::kKind == Kind::kCounter) {
      return join<"i2_", kLayer, "_", kKey, "_total">();
    } else {
      return join<"i2_", kLayer, "_", kKey>();
    }
  }();
  template <FixedString kLayer>
  static constexpr FixedString kLayerText = kLayer;
  static constexpr FixedString kHelpText = kHelp;

  template <FixedString kLayer>
  static constexpr Description kDescription{
      .name = kName<kLayer>.view(),
      .layer = kLayerText<kLayer>.view(),
      .key = kKey.view(),
      .help = kHelpText.view(),
      .kind = Cell::kKind,
      .unit = kUnitOf,
      .scale = scale_of(kUnitOf),
  };
};

template <FixedString kLayer, class... Entries>
class alignas(64) Metrics {
  static_assert(is_metric_word(kLayer.view()), "a layer is named in lower-case words");

 public:
  static constexpr std::array<Description, sizeof...(Entries)> kDescriptions{
      Entries::template kDescription<kLayer>...};

  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The cell with this key.
  template <FixedString kKey>
  [[nodiscard]] auto& get() {
    return std::get<index_of<kKey>()>(cells_);
  }
  template <FixedString kKey>
  [[nodiscard]] const auto& get() const {
    return std::get<index_of<kKey>()>(cells_);
  }

  template <FixedString kKey>
  [[nodiscard]] static consteval std::size_t index_of() {
    constexpr auto kFound = std::ranges::find(kDescriptions, kKey.view(), &Description::key);
    static_assert(kFound != kDescriptions.end(), "these metrics have no such key");
    return static_cast<std::size_t>(kFound - kDescriptions.begin());
  }

  using Cells = std::tuple<typename Entries::Cell...>;
  using Values = std::tuple<typename Entries::Cell::Value...>;
  [[nodiscard]] const Cells& cells() const { return cells_; }

 private:
  static_assert(
      [] {
        for (std::size_t i = 0; i < kDescriptions.size(); ++i) {
          if (std::ranges::count(kDescriptions, kDescriptions[i].key, &Description::key) != 1) {
            return false;
          }
        }
        return true;
      }(),
      "two metrics have the same key");

  Cells cells_;
};

// The values of one set of metrics, of one worker or merged over several. 15 KiB per histogram:
// keep it off small stacks.
template <class M>
class Snapshot {
 public:
  Snapshot() = default;  // nothing counted yet: merging into it is a copy
  explicit Snapshot(const M& metrics)
      : values_(
            std::apply([](const auto&... cells) { return typename M::Values(cells.value()...); },
                       metrics.cells())) {}

  template <FixedString kKey>
  [[nodiscard]] const auto& get() const {
    return std::get<M::template index_of<kKey>()>(values_);
  }
  // For figures that somebody else counts.
  template <FixedString kKey>
  void set(const std::tuple_element_t<M::template index_of<kKey>(), typename M::Values>& value) {
    std::get<M::template index_of<kKey>()>(values_) = value;
  }

  void merge(const Snapshot& other) {
    [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
      (std::tuple_element_t<kIndex, typename M::Cells>::merge(std::get<kIndex>(values_),
                                                              std::get<kIndex>(other.values_)),
       ...);
    }(std::make_index_sequence<M::kDescriptions.size()>());
  }

  [[nodiscard]] const typename M::Values& values() const { return values_; }

 private:
  typename M::Values values_{};
};

// Calls visitor(const Description&, value) for every metric in the order of the definition; `value`
// is a std::uint64_t (counter), a std::int64_t (gauge) or a const HistogramValue&.
template <class M, class Visitor>
void visit(const Snapshot<M>& snapshot, Visitor&& visitor) {
  std::apply(
      [&](const auto&... values) {
        std::size_t index = 0;
        (visitor(M::kDescriptions[index++], values), ...);
      },
      snapshot.values());
}

}  // namespace i2::telemetry
