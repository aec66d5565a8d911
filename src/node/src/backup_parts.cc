#include <i2/crypto/provider.h>
#include <i2/node/backup_parts.h>
#include <i2/node/closed_logs.h>
#include <i2/store/key_value_store.h>
#include <i2/trustchain/core/ct/checkpoint.h>
#include <i2/trustchain/local_log_store.h>

#include <algorithm>
#include <system_error>

#include "log_keys.h"
#include "secret_file.h"

namespace i2::node {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kClosedFolder = "ct/closed/";
constexpr std::size_t kLogNameSize = 16;

bool is_database(const fs::path& dir) {
  std::error_code ignored;
  return fs::exists(dir / "CURRENT", ignored);
}

void add_log(fleet::BackupParts& out, const std::string& name, const fs::path& database,
             ByteView keys) {
  out.files.push_back(
      {.name = std::string(kClosedFolder) + name + "/keys", .bytes = to_bytes(keys)});
  out.databases.push_back({.dir = database, .name = std::string(kClosedFolder) + name + "/log"});
}

Result<void> add_open_log(fleet::BackupParts& out, const fs::path& dir) {
  I2_TRY_VALUE(const auto view,
               store::KeyValueStore::open(dir / "log", store::KeyValueStore::Mode::kView));
  const trustchain::LocalLogStore log(*view);
  I2_TRY_VALUE(const auto origin, trustchain::origin_of(log));
  if (!origin) {
    return {};  // not begun
  }
  I2_TRY_VALUE(const LogKeys keys, load_log_keys(dir / "keys", *origin, false));
  const std::string id = to_hex(keys.key.public_key().spki_sha256()).substr(0, kLogNameSize);
  add_log(out, id, dir / "log", as_bytes(public_log_keys(keys, *origin)));
  return {};
}

}  // namespace

Result<fleet::BackupParts> backup_parts(const fs::path& data_dir) {
  I2_TRY(crypto::install_provider());
  fleet::BackupParts out;
  // An order of the ACME server that is further than the authority's records would be lost.
  for (const std::string_view name : {"ca/acme", "ca/issued"}) {
    if (is_database(data_dir / name)) {
      out.databases.push_back({.dir = data_dir / name, .name = std::string(name)});
    }
  }
  I2_TRY_VALUE(const auto closed, closed_logs(data_dir));
  for (const fs::path& dir : closed) {
    constexpr std::size_t kSizeMax = 64UL * 1024;
    I2_TRY_VALUE(const auto keys, read_secret(dir / "keys", kSizeMax));
    add_log(out, dir.filename().string(), dir / "log", keys.view());
  }
  if (is_database(data_dir / "ct" / "log")) {
    I2_TRY(add_open_log(out, data_dir / "ct"));
  }
  std::ranges::sort(out.databases, {}, &fleet::BackupParts::Database::name);
  return out;
}

}  // namespace i2::node
