// RFC 6962 §2.1 word for word, for comparison: every hash is computed again each time.
#pragma once

#include <i2/crypto/hash.h>
#include <i2/trustchain/core/ct/log_tree.h>
#include <i2/trustchain/core/ct/merkle.h>
#include <i2/trustchain/core/ct/tile.h>

#include <map>
#include <string>

namespace i2::trustchain::ct::testing {

using Leaves = std::span<const Hash256>;

inline std::size_t split_at(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) {
    k *= 2;
  }
  return k;
}

inline Hash256 mth(Leaves d) {
  if (d.empty()) {
    return crypto::sha256({});
  }
  if (d.size() == 1) {
    return d[0];
  }
  const std::size_t k = split_at(d.size());
  const Bytes prefix{0x01};
  return crypto::sha256({prefix, mth(d.first(k)), mth(d.subspan(k))});
}

inline Proof path_of(std::size_t m, Leaves d) {
  if (d.size() == 1) {
    return {};
  }
  const std::size_t k = split_at(d.size());
  Proof out = m < k ? path_of(m, d.first(k)) : path_of(m - k, d.subspan(k));
  out.push_back(m < k ? mth(d.subspan(k)) : mth(d.first(k)));
  return out;
}

inline Proof subproof(std::size_t m, Leaves d, bool complete) {
  if (m == d.size()) {
    return complete ? Proof() : Proof{mth(d)};
  }
  const std::size_t k = split_at(d.size());
  Proof out = m <= k ? subproof(m, d.first(k), complete) : subproof(m - k, d.subspan(k), false);
  out.push_back(m <= k ? mth(d.subspan(k)) : mth(d.first(k)));
  return out;
}

// The leaf hashes of the entries "0", "1", "2", ...
inline std::vector<Hash256> make_leaves(std::size_t count) {
  std::vector<Hash256> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(leaf_hash(as_bytes(std::to_string(i))));
  }
  return out;
}

// Stored tiles by name; counts what is read.
struct Store {
  std::map<std::string, Bytes> files;
  std::size_t reads = 0;

  void write(std::vector<TileBytes> tiles) {
    for (TileBytes& tile : tiles) {
      files[path(tile.tile)] = std::move(tile.bytes);
    }
  }
  TileReader reader() {
    return [this](const Tile& tile) -> Result<Bytes> {
      ++reads;
      const auto file = files.find(path(tile));
      if (file == files.end()) {
        return fail("test.missing", path(tile));
      }
      return file->second;
    };
  }
};

}  // namespace i2::trustchain::ct::testing
