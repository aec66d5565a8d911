// API tokens: what is kept of them.
#include "../src/token_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/random.h>
#include <i2/trustchain/testing/temp_dir.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace i2::node {
namespace {

using trustchain::AuthorityRole;
using trustchain::testing::code;

class Tokens : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return place_ / "gateway/tokens"; }
  std::unique_ptr<TokenStore> load() { return TokenStore::load(file()).value(); }
  std::string add(TokenStore& store, const std::string& name, const std::string& role) {
    return store.add(name, role, 17, rng_).value();
  }
  static std::optional<TokenStore::Token> find(const TokenStore& store, const std::string& token) {
    return store.find(crypto::sha256(as_bytes(token)));
  }

  trustchain::testing::TempDir place_;
  crypto::SystemRng rng_;
};

TEST_F(Tokens, AreKnownByTheirHashAlone) {
  const auto store = load();
  const std::string auditor = add(*store, "watcher", "auditor");
  const std::string admin = add(*store, "boss", "admin");
  EXPECT_NE(auditor, admin);
  struct stat facts{};
  ASSERT_EQ(::stat(file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  std::ifstream in(file());
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(text.find(auditor.substr(3)), std::string::npos);

  const auto again = load();
  EXPECT_EQ(find(*again, auditor)->name, "watcher");
  EXPECT_EQ(find(*again, auditor)->role, AuthorityRole::kAuditor);
  EXPECT_EQ(find(*again, auditor)->created, 17U);
  EXPECT_EQ(find(*again, admin)->role, AuthorityRole::kAdmin);
  EXPECT_FALSE(find(*again, auditor + "x"));
  ASSERT_EQ(again->list().size(), 2U);
  EXPECT_EQ(again->list()[0].name, "boss");

  ASSERT_TRUE(again->remove("watcher"));
  EXPECT_FALSE(find(*again, auditor));
  EXPECT_FALSE(find(*load(), auditor));
  EXPECT_EQ(code(again->remove("watcher")), "admin.argument");
}

TEST_F(Tokens, HaveGoodNamesAndRolesThatTokensCanHave) {
  const auto store = load();
  (void)add(*store, "a-b_c.9", "operator");
  for (const std::string bad : {"", "a b", "a/b", "\xc3\xa4", "a-b_c.9", "gateway"}) {
    EXPECT_EQ(code(store->add(bad, "auditor", 0, rng_)), "admin.argument") << bad;
  }
  EXPECT_EQ(code(store->add(std::string(65, 'a'), "auditor", 0, rng_)), "admin.argument");
  for (const std::string bad : {"", "node", "guest", "root"}) {
    EXPECT_EQ(code(store->add("x", bad, 0, rng_)), "admin.argument") << bad;
  }
  for (std::size_t i = store->list().size(); i < kTokensMax; ++i) {
    (void)add(*store, "t" + std::to_string(i), "auditor");
  }
  EXPECT_EQ(code(store->add("one-more", "auditor", 0, rng_)), "admin.argument");
}

TEST_F(Tokens, TheNodesOwnIsTheOperator) {
  const auto store = load();
  EXPECT_FALSE(store->find(kOwnToken));
  store->set_own(crypto::sha256(as_bytes(std::string_view("i2_own"))));
  EXPECT_EQ(find(*store, "i2_own")->role, AuthorityRole::kOperator);
  EXPECT_EQ(store->find(kOwnToken)->name, "gateway");
  EXPECT_TRUE(store->list().empty());
}

TEST_F(Tokens, ADamagedOrExposedFileIsRefused) {
  (void)add(*load(), "watcher", "auditor");
  std::ofstream(file(), std::ios::app) << "half a line\n";
  EXPECT_EQ(code(TokenStore::load(file())), "node.file_failed");
  std::filesystem::permissions(file(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(code(TokenStore::load(file())), "node.secret_exposed");
}

}  // namespace
}  // namespace i2::node
