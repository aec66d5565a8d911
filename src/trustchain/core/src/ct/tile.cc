#include <i2/base/assert.h>
#include <i2/trustchain/core/ct/tile.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <format>
#include <optional>

namespace i2::trustchain::ct {
namespace {

constexpr std::string_view kTileRoot = "tile/";
constexpr std::string_view kTileData = "data";
constexpr std::string_view kTilePartial = ".p/";
constexpr std::size_t kIndexGroupsMax = 4;  // 2^32 tiles have ten digits

// What is before `separator`, which goes too; everything when there is none.
std::string_view cut(std::string_view& text, char separator) {
  const std::string_view head = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), head.size() + 1));
  return head;
}

// Three digits.
std::optional<std::uint64_t> read_group(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return text.size() == 3 ? std::optional(value) : std::nullopt;
}

// Any of the forms that may be meant; the caller compares with the one that is right.
std::optional<Tile> read_tile(std::string_view text) {
  Tile out;
  if (!text.starts_with(kTileRoot)) {
    return std::nullopt;
  }
  text.remove_prefix(kTileRoot.size());
  const std::string_view level = cut(text, '/');
  const auto number =
      level == kTileData ? std::optional<std::uint64_t>(0) : wire::from_decimal(level);
  if (!number || *number > kTileLevelMax) {
    return std::nullopt;
  }
  out.level = level == kTileData ? kDataLevel : static_cast<std::uint8_t>(*number);
  if (const auto partial = text.find(kTilePartial); partial != std::string_view::npos) {
    const auto width = wire::from_decimal(text.substr(partial + kTilePartial.size()));
    if (!width || *width == 0 || *width >= kTileWidth) {
      return std::nullopt;
    }
    out.width = static_cast<std::uint16_t>(*width);
    text = text.substr(0, partial);
  }
  for (std::size_t groups = 0; !text.empty(); ++groups) {
    std::string_view group = cut(text, '/');
    if (group.starts_with('x')) {
      group.remove_prefix(1);
    }
    const auto value = read_group(group);
    if (!value || groups == kIndexGroupsMax) {
      return std::nullopt;
    }
    out.index = out.index * 1000 + *value;
  }
  const unsigned height = kTileHeight * (static_cast<unsigned>(*number) + 1);
  return out.index <= (kTreeSizeMax - 1) >> height ? std::optional(out) : std::nullopt;
}

}  // namespace

std::string path(const Tile& tile) {
  std::string index = std::format("{:03}", tile.index % 1000);
  for (std::uint64_t rest = tile.index / 1000; rest > 0; rest /= 1000) {
    index.insert(0, std::format("x{:03}/", rest % 1000));
  }
  std::string out(kTileRoot);
  out += tile.level == kDataLevel ? std::string(kTileData) : std::to_string(tile.level);
  out += '/' + index;
  if (tile.width != kTileWidth) {
    out += kTilePartial;
    out += std::to_string(tile.width);
  }
  return out;
}

Result<Tile> parse_tile_path(std::string_view text) {
  const auto tile = read_tile(text);
  if (!tile || path(*tile) != text) {
    return fail("trust.tile_name", "no tile has this name");
  }
  return *tile;
}

std::vector<Tile> new_tiles(std::uint64_t from, std::uint64_t to) {
  I2_ASSERT(from <= to && to <= kTreeSizeMax);
  std::vector<Tile> out;
  for (std::uint8_t level = 0; from != to; ++level, from /= kTileWidth, to /= kTileWidth) {
    for (std::uint64_t index = from / kTileWidth; index * kTileWidth < to; ++index) {
      out.push_back(
          {.level = level,
           .index = index,
           .width = static_cast<std::uint16_t>(std::min(kTileWidth, to - index * kTileWidth))});
    }
  }
  return out;
}

}  // namespace i2::trustchain::ct
