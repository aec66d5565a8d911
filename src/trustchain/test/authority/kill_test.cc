// An authority that is killed at any moment: nothing that it gave out or signed is unknown to it.
//
// I2_KILL_ROUNDS: how many kills (default 4). I2_KILL_SEED repeats a run; a failure prints it.
#include <gtest/gtest.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>
#include <i2/trustchain/testing/victim.h>
#include <i2/wire/text.h>

#include <fstream>
#include <random>
#include <sstream>

namespace i2::trustchain {
namespace {

using testing::kStart;
using testing::number_of;
using testing::run_and_kill;
using testing::TempDir;

TEST(AuthorityKill, NothingSignedIsUnknown) {
  const auto seed = number_of("I2_KILL_SEED", std::random_device{}());
  const auto rounds = number_of("I2_KILL_ROUNDS", 4);
  SCOPED_TRACE("I2_KILL_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TempDir place;
  std::size_t abandoned = 0;
  AuditLog::Head known;
  std::streamoff looked_at = 0;
  for (std::uint64_t round = 0; round < rounds || (abandoned == 0 && round < 50 * rounds);
       ++round) {
    const auto killed =
        run_and_kill({I2_AUTHORITY_VICTIM, place.path().string(), std::to_string(kStart)},
                     random() % 100, static_cast<unsigned>(random() % 20'000));
    EXPECT_TRUE(WIFSIGNALED(killed.status)) << "the victim ended by itself: " << killed.status;
    std::istringstream said(killed.lines);
    auto store = CertificateStore::open(place / "issued", kStart + round);
    ASSERT_TRUE(store) << store.error().to_string();
    abandoned += (*store)->abandoned();
    for (std::string word, serial; said >> word >> serial;) {
      const auto found = (*store)->find(*wire::from_hex(serial)).value();
      ASSERT_TRUE(found) << "round " << round << ": lost " << serial;
      ASSERT_EQ(found->state, RecordState::kIssued) << "round " << round << ": " << serial;
      if (word == "revoked") {
        ASSERT_TRUE(
            (*store)->revocation(found->intent.issuer_key_hash, found->intent.serial).value())
            << "round " << round << ": not revoked any more: " << serial;
      }
    }
    std::ifstream shown(place.path() / "signed");
    shown.seekg(looked_at);
    for (std::string serial; std::getline(shown, serial);) {
      looked_at += static_cast<std::streamoff>(serial.size() + 1);
      ASSERT_TRUE((*store)->find(*wire::from_hex(serial)).value())
          << "round " << round << ": signed and unknown: " << serial;
    }
    const auto head = verify_audit((*store)->database(), known);
    ASSERT_TRUE(head) << "round " << round << ": " << head.error().to_string();
    known = *head;
  }
  EXPECT_GT(abandoned, 0u) << "no kill came while something was under way";
}

}  // namespace
}  // namespace i2::trustchain
