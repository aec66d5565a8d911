// Tiles: the files that a log consists of (C2SP tlog-tiles, static-ct-api).
//
// A tile of level l holds up to 256 consecutive hashes of the tree, each over 256^l leaves; a data
// tile holds the entries below a tile of level 0. Full tiles never change. A partial one belongs to
// the size of one checkpoint; its name tells its width, so it never changes either.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::ct {

inline constexpr std::uint64_t kTileWidth = 256;
inline constexpr unsigned kTileHeight = 8;
inline constexpr std::size_t kHashSize = sizeof(Hash256);
// static-ct-api: a leaf index has 40 bits, hence the levels 0 to 5.
inline constexpr std::uint64_t kTreeSizeMax = 1ULL << 40;
inline constexpr std::uint8_t kTileLevelMax = 5;
// The level of data tiles.
inline constexpr std::uint8_t kDataLevel = 255;

struct Tile {
  std::uint8_t level = 0;
  std::uint64_t index = 0;
  std::uint16_t width = kTileWidth;  // 1..256
  friend bool operator==(const Tile&, const Tile&) = default;
};

struct TileBytes {
  Tile tile;
  Bytes bytes;
  friend bool operator==(const TileBytes&, const TileBytes&) = default;
};

// Fetches what is stored under a tile's name. Nothing that it answers is trusted.
using TileReader = std::function<Result<Bytes>(const Tile&)>;

// "tile/0/x001/x234/067", "tile/0/000.p/17", "tile/data/000".
[[nodiscard]] std::string path(const Tile& tile);
// The one form only. Error: trust.tile_name.
[[nodiscard]] Result<Tile> parse_tile_path(std::string_view text);

// The hash tiles that a tree of `to` leaves has and one of `from` leaves has not, by level and
// index. The data tiles are those of level 0. from <= to <= kTreeSizeMax.
[[nodiscard]] std::vector<Tile> new_tiles(std::uint64_t from, std::uint64_t to);

}  // namespace i2::trustchain::ct
