// A log as static files (C2SP static-ct-api): what a web server can serve and others can mirror.
#pragma once

#include <i2/trustchain/log_store.h>

#include <cstdint>
#include <filesystem>

namespace i2::trustchain {

struct LogExport {
  std::uint64_t entries = 0;
  std::uint64_t files = 0;  // written now; those that were there stay
};

// Writes the files of the last checkpoint below `dir`, which is made, `checkpoint` at the end: a
// mirror that is interrupted is one of before. Full tiles and issuers that are there are not read
// again. Who signed the checkpoint is not looked at. Errors: trust.log_missing,
// trust.export_failed, those of LogView.
[[nodiscard]] Result<LogExport> export_log(const LogObjects& objects, const LogLock& lock,
                                           const std::filesystem::path& dir);

}  // namespace i2::trustchain
