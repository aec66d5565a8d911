#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/fleet/core/backup.h>

#include <algorithm>

namespace i2::fleet {
namespace {

crypto::SecretBytes secret(std::string_view text) {
  return crypto::SecretBytes(to_bytes(as_bytes(text)));
}

Backup sample() {
  Backup out{.fleet_name = "home",
             .node_name = "alpha",
             .chain_id = {},
             .node_id = {},
             .made = 1'763'700'000'789,
             .height = 7,
             .files = {},
             .has_ledger = true,
             .links = {Bytes{1, 2}},
             .point = Bytes{3},
             .chunks = {Bytes{4}, Bytes{5, 6}}};
  out.files.push_back({.path = "identity/leaf/leaf.pem", .secret = true, .bytes = secret("key")});
  out.files.push_back({.path = "ledger/genesis", .secret = false, .bytes = secret("first")});
  return out;
}

Bytes file_of(const Backup& backup, const std::vector<BackupPairs>& parts = {}) {
  Bytes out;
  BackupWriter writer([&out](ByteView bytes) {
    append(out, bytes);
    return Result<void>();
  });
  EXPECT_TRUE(writer.begin(backup));
  for (const BackupPairs& part : parts) {
    for (const BackupPairs::Pair& pair : part.pairs) {
      EXPECT_TRUE(writer.put(part.database, pair.key, pair.value));
    }
  }
  EXPECT_TRUE(writer.finish());
  return out;
}

struct ReadFile {
  Backup backup;
  std::vector<BackupPairs> parts;
};
Result<ReadFile> read_file(ByteView left) {
  ReadFile out;
  const auto source = [&left](std::size_t size) -> Result<Bytes> {
    const ByteView next = left.first(std::min(size, left.size()));
    left = left.subspan(next.size());
    return to_bytes(next);
  };
  I2_TRY(read_backup(source, {.head =
                                  [&out](Backup backup) {
                                    out.backup = std::move(backup);
                                    return Result<void>();
                                  },
                              .pairs =
                                  [&out](const BackupPairs& some) {
                                    out.parts.push_back(some);
                                    return Result<void>();
                                  }}));
  return out;
}

// The same as version 1 had it: one value without databases.
Bytes whole(const Backup& backup) {
  const Bytes file = file_of(backup);
  constexpr std::size_t kBegin = 8;         // preamble and length
  constexpr std::size_t kEnd = 4 + 4 + 32;  // no databases, no frames, digest
  Bytes out(file.begin() + kBegin, file.end() - kEnd);
  out[3] = 1;
  append(out, crypto::sha256(out));
  return out;
}

template <typename T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(result.error().code());
}

TEST(BackupFormat, GivesBackWhatWasPutIn) {
  Backup backup = sample();
  backup.databases = {"ca/acme", "ca/issued"};
  const Bytes large(kBackupFrameSize, 7);
  const auto read = read_file(file_of(
      backup, {{.database = 0, .pairs = {{.key = {1}, .value = large}, {.key = {2}, .value = {}}}},
               {.database = 1, .pairs = {{.key = {1}, .value = {9}}}}}));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->backup.node_name, "alpha");
  EXPECT_EQ(read->backup.height, 7U);
  ASSERT_EQ(read->backup.files.size(), 2U);
  EXPECT_EQ(read->backup.files[0].path, "identity/leaf/leaf.pem");
  EXPECT_TRUE(read->backup.files[0].secret);
  EXPECT_EQ(as_text(read->backup.files[1].bytes.view()), "first");
  EXPECT_EQ(read->backup.chunks, (std::vector<Bytes>{Bytes{4}, Bytes{5, 6}}));
  EXPECT_EQ(read->backup.databases, backup.databases);
  ASSERT_EQ(read->parts.size(), 3U);
  EXPECT_EQ(read->parts[0].pairs[0].value, large);
  EXPECT_EQ(read->parts[1].pairs[0].key, Bytes{2});
  EXPECT_EQ(read->parts[2].database, 1U);
  EXPECT_EQ(read->parts[2].pairs[0].value, Bytes{9});
}

TEST(BackupFormat, ReadsTheVersionBefore) {
  const Bytes encoding = whole(sample());
  EXPECT_TRUE(is_whole_backup(encoding));
  EXPECT_FALSE(is_whole_backup(file_of(sample())));
  const auto decoded = decode_backup(encoding);
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->node_name, "alpha");
  EXPECT_EQ(decoded->chunks.size(), 2U);
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    EXPECT_EQ(code_of(decode_backup(ByteView(encoding).first(i))), "fleet.backup_invalid") << i;
  }
}

TEST(BackupFormat, EveryAlteredBitAndEveryCutIsNoticed) {
  Backup backup = sample();
  backup.databases = {"ca/issued"};
  const Bytes file = file_of(backup, {{.database = 0, .pairs = {{.key = {1}, .value = {2}}}}});
  for (std::size_t i = 0; i < file.size(); ++i) {
    Bytes altered = file;
    altered[i] ^= 1;
    EXPECT_EQ(code_of(read_file(altered)), "fleet.backup_invalid") << i;
    EXPECT_EQ(code_of(read_file(ByteView(file).first(i))), "fleet.backup_invalid") << i;
  }
  Bytes longer = file;
  longer.push_back(0);
  EXPECT_EQ(code_of(read_file(longer)), "fleet.backup_invalid");
}

TEST(BackupFormat, OnlyNamesBelowTheDataDirectoryAreTaken) {
  for (const char* const path :
       {"identity/../../etc/passwd", "/etc/passwd", "ledger/", "ledger", "ledger//x",
        "identity/.hidden", "identity/a b", "identity/a\\b", "other/file", "ct/keys/log.pem", ""}) {
    Backup backup = sample();
    backup.files.resize(1);
    backup.files.front().path = path;
    EXPECT_EQ(code_of(read_file(file_of(backup))), "fleet.backup_invalid") << path;
    EXPECT_EQ(code_of(decode_backup(whole(backup))), "fleet.backup_invalid") << path;
  }
  Backup service = sample();
  service.files.resize(1);
  service.files.front().path = "ct/closed/one/keys";
  EXPECT_EQ(code_of(read_file(file_of(service))), "ok");
  EXPECT_EQ(code_of(decode_backup(whole(service))), "fleet.backup_invalid");
  Backup twice = sample();
  twice.files[1].path = twice.files[0].path;
  EXPECT_EQ(code_of(read_file(file_of(twice))), "fleet.backup_invalid");
}

TEST(BackupFormat, DatabasesAreWhereTheyMayBeAndInOrder) {
  const std::vector<std::vector<std::string>> bad{{"ct/log"},       {"identity/x"},
                                                  {"ca/../x"},      {"ca/b", "ca/a"},
                                                  {"ca/a", "ca/a"}, {"ca/a", "ca/a/b"}};
  for (const auto& names : bad) {
    Backup backup = sample();
    backup.databases = names;
    EXPECT_EQ(code_of(read_file(file_of(backup))), "fleet.backup_invalid") << names.front();
  }
  Backup backup = sample();
  backup.databases = {"ca/a", "ca/b"};
  const BackupPairs one{.database = 0, .pairs = {{.key = {1}, .value = {}}}};
  const BackupPairs other{.database = 1, .pairs = {{.key = {1}, .value = {}}}};
  BackupPairs unnamed = other;
  unnamed.database = 2;
  EXPECT_EQ(code_of(read_file(file_of(backup, {one, other}))), "ok");
  EXPECT_EQ(code_of(read_file(file_of(backup, {other, one}))), "fleet.backup_invalid");
  EXPECT_EQ(code_of(read_file(file_of(backup, {one, one}))), "fleet.backup_invalid");
  EXPECT_EQ(code_of(read_file(file_of(backup, {unnamed}))), "fleet.backup_invalid");
}

TEST(BackupFormat, ANewerVersionIsRefused) {
  Bytes newer = file_of(sample());
  newer[3] = 3;
  newer.resize(newer.size() - 32);
  append(newer, crypto::sha256(newer));
  EXPECT_EQ(code_of(read_file(newer)), "fleet.backup_invalid");
}

}  // namespace
}  // namespace i2::fleet
