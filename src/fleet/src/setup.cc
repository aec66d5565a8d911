#include "setup.h"

#include <i2/wire/text.h>

#include <format>

#include "layout.h"

namespace i2::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVersionMagic = "i2-data";
constexpr std::string_view kFormatOfRecords = "1";
constexpr std::string_view kFormatWithLedger = "2";
constexpr std::size_t kVersionSizeMax = 256;

constexpr std::size_t kReplacingSizeMax = 64;

// Where the node in `dir` goes: named after its fleet.
Result<void> announce_replacement(const FileWriter& writer, const fs::path& dir) {
  if (is_present(dir / kReplacingFile)) {
    return {};  // an earlier run was interrupted
  }
  I2_TRY_VALUE(const DataDirVersion version, read_version(dir));
  const std::string fleet = version.chain_id.hex().substr(0, 16);
  std::string name = fleet;
  for (int n = 2; is_present(dir / kReplacedDir / name); ++n) {
    name = std::format("{}.{}", fleet, n);
  }
  return writer.write(dir / kReplacingFile, as_bytes(name), kPublicMode);
}

// Goes on where it was interrupted. VERSION moves first: from then on the directory is no node.
Result<void> put_aside(const FileWriter& writer, const fs::path& dir) {
  if (!is_present(dir / kReplacingFile)) {
    return {};
  }
  I2_TRY_VALUE(const Bytes name, read_file(dir / kReplacingFile, kReplacingSizeMax));
  const fs::path target = dir / kReplacedDir / fs::path(as_text(name)).filename();
  I2_TRY(writer.make_directory(dir / kReplacedDir));
  I2_TRY(writer.make_directory(target));
  for (const std::string_view part :
       {kVersionFile, kIdentityDir, kLedgerDir, kAuthorityDir, kLogDir, kWitnessDir}) {
    if (is_present(dir / part) && !is_present(target / part)) {
      I2_TRY(writer.move(dir / part, target / part));
    }
  }
  return writer.remove(dir / kReplacingFile);
}

}  // namespace

SetupFile secret_file(std::string_view path, crypto::SecretBytes bytes) {
  return {.path = std::string(path), .bytes = std::move(bytes), .mode = kSecretMode};
}

SetupFile public_file(std::string_view path, Bytes bytes) {
  return {.path = std::string(path),
          .bytes = crypto::SecretBytes(std::move(bytes)),
          .mode = kPublicMode};
}

Result<void> make_data_dir(const fs::path& given) {
  std::error_code error;
  const fs::path dir = given.has_filename() ? given : given.parent_path();  // without a last slash
  if (const fs::path above = dir.parent_path(); !above.empty()) {
    fs::create_directories(above, error);
    if (error) {
      return fail(file_error("make the directory", above, error.value()));
    }
  }
  return FileWriter().make_directory(dir);
}

Result<void> commit_setup(const FileWriter& writer, const fs::path& dir,
                          const SetupContents& contents) {
  if (contents.replaces) {
    I2_TRY(announce_replacement(writer, dir));
  }
  I2_TRY(writer.write(dir / kSetupFile, as_bytes("setting up; not usable before VERSION exists\n"),
                      kPublicMode));
  I2_TRY(put_aside(writer, dir));
  // Only a run that SETUP announced can have put these here.
  I2_TRY(writer.remove_tree(dir / kIdentityDir));
  I2_TRY(writer.remove_tree(dir / kLedgerDir));
  if (contents.make_services) {
    I2_TRY(writer.remove_tree(dir / kAuthorityDir));
    I2_TRY(writer.remove_tree(dir / kLogDir));
  }
  for (const std::string& path : contents.directories) {
    I2_TRY(writer.make_directory(dir / path));
  }
  for (const SetupFile& file : contents.files) {
    I2_TRY(writer.write(dir / file.path, file.bytes.view(), file.mode));
  }
  if (contents.make_ledger) {
    I2_TRY(contents.make_ledger(dir));
  }
  if (contents.make_services) {
    I2_TRY(contents.make_services(dir));
  }
  I2_TRY(write_version(
      writer, dir,
      {.chain_id = contents.chain_id, .has_ledger = static_cast<bool>(contents.make_ledger)}));
  I2_TRY(writer.remove(dir / kJoiningFile));
  return writer.remove(dir / kSetupFile);
}

Result<void> write_version(const FileWriter& writer, const fs::path& dir,
                           const DataDirVersion& version) {
  const std::string text = std::format("{} {} {}\n", kVersionMagic,
                                       version.has_ledger ? kFormatWithLedger : kFormatOfRecords,
                                       version.chain_id.hex());
  return writer.write(dir / kVersionFile, as_bytes(text), kPublicMode);
}

Result<DataDirVersion> read_version(const fs::path& dir) {
  I2_TRY_VALUE(const Bytes bytes, read_file(dir / kVersionFile, kVersionSizeMax));
  const std::string_view text = as_text(bytes);
  const std::size_t first = text.find(' ');
  const std::size_t second = first == text.npos ? text.npos : text.find(' ', first + 1);
  if (second == text.npos || text.substr(0, first) != kVersionMagic || !text.ends_with('\n')) {
    return fail("node.data_dir_unrecognised",
                "'" + (dir / kVersionFile).string() + "' was not written by this program");
  }
  const std::string_view number = text.substr(first + 1, second - first - 1);
  if (number != kFormatOfRecords && number != kFormatWithLedger) {
    return fail("node.data_dir_version",
                std::format("'{}' has format {}, this program reads formats {} and {}; update the "
                            "program",
                            dir.string(), number, kFormatOfRecords, kFormatWithLedger));
  }
  const auto id = wire::hash_from_hex(text.substr(second + 1, text.size() - second - 2));
  if (!id) {
    return fail("node.data_dir_unrecognised",
                "'" + (dir / kVersionFile).string() + "' names no chain id");
  }
  return DataDirVersion{.chain_id = {*id}, .has_ledger = number == kFormatWithLedger};
}

}  // namespace i2::fleet
