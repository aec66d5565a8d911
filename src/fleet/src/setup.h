// Turning an empty data directory into a node in one step that a crash cannot split.
//
// SETUP is written first and VERSION last. Without VERSION nothing below identity/ and ledger/ has
// ever been used, so a second run may delete it and begin again; with VERSION everything is there.
// A node that is replaced is moved before that, under a name that REPLACING holds until all of it
// is.
#pragma once

#include <i2/base/ids.h>
#include <i2/crypto/secret.h>
#include <i2/fleet/data_dir.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "files.h"

namespace i2::fleet {

struct SetupFile {
  std::string path;  // below the data directory
  crypto::SecretBytes bytes;
  mode_t mode = kSecretMode;
};

struct SetupContents {
  ChainId chain_id;
  std::vector<std::string> directories;  // parents first
  std::vector<SetupFile> files;
  // Makes the ledger below the data directory; without one the directory is of format 1.
  std::function<Result<void>(const std::filesystem::path&)> make_ledger{};
  // Makes what the services of trust keep, in place of what an interrupted run left of it.
  std::function<Result<void>(const std::filesystem::path&)> make_services{};
  // The directory is a node already, which is put aside: its identity, ledger and VERSION are then
  // below replaced/.
  bool replaces = false;
};

// `dir` must be locked, and complete only if it `replaces`. Errors: node.disk_full,
// node.file_failed.
[[nodiscard]] Result<void> commit_setup(const FileWriter& writer, const std::filesystem::path& dir,
                                        const SetupContents& contents);

// Makes `dir` and its parents. Error: node.file_failed.
[[nodiscard]] Result<void> make_data_dir(const std::filesystem::path& dir);

// What VERSION says.
struct DataDirVersion {
  ChainId chain_id;
  bool has_ledger = false;  // format 2; format 1 has records alone
};
// Errors: node.data_dir_version, node.data_dir_unrecognised, node.file_failed.
[[nodiscard]] Result<DataDirVersion> read_version(const std::filesystem::path& dir);
// Errors: node.disk_full, node.file_failed.
[[nodiscard]] Result<void> write_version(const FileWriter& writer, const std::filesystem::path& dir,
                                         const DataDirVersion& version);

[[nodiscard]] SetupFile secret_file(std::string_view path, crypto::SecretBytes bytes);
[[nodiscard]] SetupFile public_file(std::string_view path, Bytes bytes);

}  // namespace i2::fleet
