#include <i2/fleet/evidence_file.h>

#include <format>

#include "files.h"
#include "layout.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSizeMax = 64 * 1024 * 1024;

}  // namespace

fs::path evidence_dir(const fs::path& data_dir) {
  return data_dir / kEvidenceDir;
}

Result<fs::path> keep_evidence(const fs::path& data_dir, consensus::EpochNumber epoch,
                               ByteView document) {
  const FileWriter writer;
  const fs::path dir = evidence_dir(data_dir);
  I2_TRY(writer.make_directory(dir));
  fs::path out = dir / std::format("epoch-{}.json", epoch);
  I2_TRY(writer.write(out, document, kPublicMode));
  return out;
}

Result<std::vector<Bytes>> kept_evidence(const fs::path& data_dir) {
  std::vector<Bytes> out;
  const fs::path dir = evidence_dir(data_dir);
  if (!is_present(dir)) {
    return out;
  }
  I2_TRY_VALUE(const auto files, list_files(dir));
  for (const fs::path& file : files) {
    I2_TRY_VALUE(Bytes document, read_file(file, kSizeMax));
    out.push_back(std::move(document));
  }
  return out;
}

}  // namespace i2::fleet
