#include <i2/trustchain/log_export.h>
#include <i2/trustchain/log_view.h>

#include <fstream>
#include <set>
#include <system_error>

namespace i2::trustchain {
namespace {

namespace fs = std::filesystem;

class Mirror {
 public:
  explicit Mirror(fs::path dir) : dir_(std::move(dir)) {}

  [[nodiscard]] bool has(const std::string& name) const {
    std::error_code ignored;
    return fs::exists(dir_ / name, ignored);
  }
  // Complete or not at all, for whoever reads the folder meanwhile.
  Result<void> write(const std::string& name, ByteView bytes) {
    const fs::path path = dir_ / name;
    const fs::path part = path.string() + ".new";
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    out << as_text(bytes);
    out.close();
    fs::rename(part, path, error);
    if (!out || error) {
      return fail("trust.export_failed", "'" + path.string() + "' cannot be written");
    }
    ++written_;
    return {};
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  fs::path dir_;
  std::uint64_t written_ = 0;
};

Result<void> export_data(const LogView& view, const ct::Tile& tile, Mirror& out,
                         std::set<Hash256>& issuers) {
  const std::uint64_t first = tile.index * ct::kTileWidth;
  I2_TRY_VALUE(const auto entries, view.entries(first, first + tile.width - 1));
  Bytes bytes;
  for (const ct::LogEntry& entry : entries) {
    ct::append_tile_leaf(bytes, entry);
    for (const Hash256& issuer : entry.submission.issuers) {
      const std::string name = ct::issuer_path(issuer);
      if (issuers.insert(issuer).second && !out.has(name)) {
        I2_TRY_VALUE(const Bytes der, view.issuer(issuer));
        I2_TRY(out.write(name, der));
      }
    }
  }
  return out.write(ct::path(tile), bytes);
}

}  // namespace

Result<LogExport> export_log(const LogObjects& objects, const LogLock& lock, const fs::path& dir) {
  I2_TRY_VALUE(auto note, lock.read());
  if (!note) {
    return fail("trust.log_missing", "there is no log");
  }
  I2_TRY_VALUE(const auto last, ct::parse_signed_checkpoint(*note));
  I2_TRY_VALUE(ct::Log log,
               ct::open_log(last.checkpoint.origin, {.tree = last.checkpoint.head, .timestamp = 0},
                            [&](const ct::Tile& tile) { return objects.get(ct::path(tile)); }));
  const LogView view(std::move(log), std::move(*note), objects);
  Mirror out(dir);
  std::set<Hash256> issuers;
  for (const ct::Tile& tile : ct::new_tiles(0, view.size())) {
    ct::Tile data = tile;
    data.level = ct::kDataLevel;
    if (tile.level == 0 && !(tile.width == ct::kTileWidth && out.has(ct::path(data)))) {
      I2_TRY(export_data(view, data, out, issuers));
    }
    if (!out.has(ct::path(tile))) {
      I2_TRY_VALUE(const Bytes hashes, view.tile(tile));
      I2_TRY(out.write(ct::path(tile), hashes));
    }
  }
  I2_TRY(out.write("checkpoint", as_bytes(view.note())));
  return LogExport{.entries = view.size(), .files = out.written()};
}

}  // namespace i2::trustchain
