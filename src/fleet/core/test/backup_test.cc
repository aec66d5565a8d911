#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/fleet/core/backup.h>

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

// The bytes with their digest made right again.
Bytes sealed(Bytes bytes) {
  bytes.resize(bytes.size() - 32);
  append(bytes, crypto::sha256(bytes));
  return bytes;
}

std::string code(const Result<Backup>& result) {
  return result ? "ok" : std::string(result.error().code());
}

TEST(BackupFormat, GivesBackWhatWasPutIn) {
  const auto encoding = encode(sample());
  const auto decoded = decode_backup(encoding.view());
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->node_name, "alpha");
  EXPECT_EQ(decoded->height, 7U);
  ASSERT_EQ(decoded->files.size(), 2U);
  EXPECT_EQ(decoded->files[0].path, "identity/leaf/leaf.pem");
  EXPECT_TRUE(decoded->files[0].secret);
  EXPECT_EQ(as_text(decoded->files[1].bytes.view()), "first");
  EXPECT_EQ(decoded->chunks, (std::vector<Bytes>{Bytes{4}, Bytes{5, 6}}));
  EXPECT_TRUE(equal(encode(*decoded).view(), encoding.view()));
}

TEST(BackupFormat, EveryAlteredBitAndEveryCutIsNoticed) {
  const auto encoding = encode(sample());
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    Bytes altered = to_bytes(encoding.view());
    altered[i] ^= 1;
    EXPECT_EQ(code(decode_backup(altered)), "fleet.backup_invalid") << i;
    EXPECT_EQ(code(decode_backup(encoding.view().first(i))), "fleet.backup_invalid") << i;
  }
}

TEST(BackupFormat, OnlyNamesBelowTheDataDirectoryAreTaken) {
  for (const char* const path :
       {"identity/../../etc/passwd", "/etc/passwd", "ledger/", "ledger", "ledger//x",
        "identity/.hidden", "identity/a b", "identity/a\\b", "other/file", ""}) {
    Backup backup = sample();
    backup.files.resize(1);
    backup.files.front().path = path;
    EXPECT_EQ(code(decode_backup(encode(backup).view())), "fleet.backup_invalid") << path;
  }
  Backup twice = sample();
  twice.files[1].path = twice.files[0].path;
  EXPECT_EQ(code(decode_backup(encode(twice).view())), "fleet.backup_invalid");
}

TEST(BackupFormat, ANewerVersionIsRefused) {
  Bytes newer = to_bytes(encode(sample()).view());
  newer[3] = 2;
  EXPECT_EQ(code(decode_backup(sealed(std::move(newer)))), "fleet.backup_invalid");
}

}  // namespace
}  // namespace i2::fleet
