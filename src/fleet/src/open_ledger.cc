#include <i2/fleet/ledger.h>

#include "layout.h"
#include "ledger_files.h"
#include "setup.h"

namespace i2::fleet {

Result<std::unique_ptr<Ledger>> open_ledger(const std::filesystem::path& data_dir,
                                            const StateMachine& machine) {
  I2_TRY(require_node(data_dir));
  I2_TRY_VALUE(DataDirVersion version, read_version(data_dir));
  if (!version.has_ledger) {
    I2_TRY_VALUE(const MemberSet records, read_ledger(data_dir));
    I2_TRY(Ledger::create(data_dir, records.genesis()));
    // From here on a missing ledger is damage; before, it is made again.
    version.has_ledger = true;
    I2_TRY(write_version(FileWriter(), data_dir, version));
  }
  return Ledger::open(data_dir, machine, version.chain_id);
}

}  // namespace i2::fleet
