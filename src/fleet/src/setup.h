// Turning an empty data directory into a node in one step that a crash cannot split.
//
// SETUP is written first and VERSION last. Without VERSION nothing below identity/ and ledger/ has
// ever been used, so a second run may delete it and begin again; with VERSION everything is there.
#pragma once

#include <i2/base/ids.h>
#include <i2/crypto/secret.h>
#include <i2/fleet/data_dir.h>
#include <i2/fleet/ledger.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "files.h"

namespace i2::fleet {

struct SetupFile {
  std::string path;  // below the data directory
  crypto::SecretBytes bytes;
  mode_t mode = kSecretMode;
};

// A state of the fleet and the header that names it.
struct LedgerStart {
  SignedHeader head;
  StateTree state;
};

struct SetupContents {
  std::vector<std::string> directories;  // parents first
  std::vector<SetupFile> files;
  Genesis genesis;                          // its ledger is made last, before VERSION
  std::optional<LedgerStart> start;         // where it begins; none: before the first block
};

// `dir` must be locked and not be complete. Errors: node.disk_full, node.file_failed, those of
// Ledger::create().
[[nodiscard]] Result<void> commit_setup(const FileWriter& writer, const std::filesystem::path& dir,
                                        const SetupContents& contents);

// Makes `dir` and its parents. Error: node.file_failed.
[[nodiscard]] Result<void> make_data_dir(const std::filesystem::path& dir);

struct DataDirVersion {
  ChainId chain_id;
  bool has_ledger = true;  // format 2; false: format 1, from before there was one
};
// Errors: node.data_dir_version, node.data_dir_unrecognised, node.file_failed.
[[nodiscard]] Result<DataDirVersion> read_version(const std::filesystem::path& dir);
// The present format: with a ledger.
[[nodiscard]] Result<void> write_version(const FileWriter& writer,
                                         const std::filesystem::path& dir, const ChainId& chain);

[[nodiscard]] SetupFile secret_file(std::string_view path, crypto::SecretBytes bytes);
[[nodiscard]] SetupFile public_file(std::string_view path, Bytes bytes);

}  // namespace i2::fleet
