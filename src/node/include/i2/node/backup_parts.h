// What of the services of trust goes into a backup: the records of the authority and of its ACME
// server, and the transparency log.
#pragma once

#include <i2/fleet/backups.h>

namespace i2::node {

// Of the node in `data_dir`, whose daemon may be running. A log goes in as it would come out:
// closed (below ct/closed/), with its public keys alone, so that nothing can sign a second tree of
// a size that it has signed. Errors: node.secret_exposed, node.file_failed, trust.*, store.*.
[[nodiscard]] Result<fleet::BackupParts> backup_parts(const std::filesystem::path& data_dir);

}  // namespace i2::node
