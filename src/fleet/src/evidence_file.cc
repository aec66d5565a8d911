#include <i2/fleet/evidence_file.h>

#include <format>

#include "files.h"
#include "layout.h"

namespace i2::fleet {

Result<std::filesystem::path> keep_evidence(const std::filesystem::path& data_dir,
                                            consensus::EpochNumber epoch, ByteView document) {
  const FileWriter writer;
  I2_TRY(writer.make_directory(data_dir / kEvidenceDir));
  std::filesystem::path out = data_dir / kEvidenceDir / std::format("epoch-{}.json", epoch);
  I2_TRY(writer.write(out, document, kPublicMode));
  return out;
}

}  // namespace i2::fleet
