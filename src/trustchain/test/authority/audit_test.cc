// The audit log: its order, and what verifying finds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <i2/trustchain/audit_log.h>
#include <i2/trustchain/testing/temp_dir.h>

namespace i2::trustchain {
namespace {

using store::KeyValueStore;
using testing::code;

AuditEntry entry(const std::string& subject) {
  return {.at = 17,
          .actor = "account 7",
          .action = "issue",
          .subject = subject,
          .outcome = AuditOutcome::kRefused,
          .rule = "name"};
}

class Audit : public ::testing::Test {
 protected:
  void add(std::span<const AuditEntry> entries) {
    store::Batch batch;
    const AuditLog::Head head = log_.stage(batch, entries);
    ASSERT_TRUE(store_->commit(batch));
    log_.advance(head);
  }
  void add(const std::string& subject) {
    const AuditEntry one = entry(subject);
    add(std::span(&one, 1));
  }
  // The key of entry `number`: 'l' and the number.
  static Bytes key(std::uint8_t number) { return {'l', 0, 0, 0, 0, 0, 0, 0, number}; }
  void put(std::uint8_t number, Bytes value) {
    store::Batch batch;
    batch.put(key(number), std::move(value));
    ASSERT_TRUE(store_->commit(batch));
  }

  testing::TempDir place_;
  std::unique_ptr<KeyValueStore> store_ =
      KeyValueStore::open(place_ / "issued", KeyValueStore::Mode::kCreate).value();
  AuditLog log_ = AuditLog::open(*store_).value();
};

TEST_F(Audit, NumbersAndChainsItsEntries) {
  const std::vector<AuditEntry> both = {entry("a"), entry("b")};
  add(both);
  add("c");
  std::vector<AuditEntry> read;
  ASSERT_TRUE(read_audit(*store_, 2, [&](const AuditEntry& one) {
    read.push_back(one);
    return true;
  }));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].number, 2u);
  EXPECT_EQ(read[0].subject, "b");
  EXPECT_EQ(read[1].previous, object_id(kAuditDomain, encode(read[0])));
  EXPECT_EQ(log_.head(),
            (AuditLog::Head{.number = 3, .hash = object_id(kAuditDomain, encode(read[1]))}));
  EXPECT_EQ(AuditLog::open(*store_)->head(), log_.head());
  EXPECT_EQ(verify_audit(*store_).value(), log_.head());
}

TEST_F(Audit, NoticesWhatWasChanged) {
  add("a");
  add("b");
  const AuditLog::Head known = log_.head();
  add("c");
  EXPECT_EQ(verify_audit(*store_, known).value(), log_.head());
  const Bytes second = store_->get(key(2)).value().value();
  AuditEntry other = decode_audit_entry(second).value();
  other.outcome = AuditOutcome::kAllowed;
  put(2, encode(other));
  EXPECT_EQ(code(verify_audit(*store_)), "trust.audit_broken");
  put(2, second);
  EXPECT_EQ(code(verify_audit(*store_)), "ok");
  // Taken away at the end: only somebody who knew the head sees it.
  store::Batch batch;
  batch.erase(key(2));
  batch.erase(key(3));
  ASSERT_TRUE(store_->commit(batch));
  EXPECT_EQ(verify_audit(*store_)->number, 1u);
  EXPECT_EQ(code(verify_audit(*store_, known)), "trust.audit_broken");
}

TEST_F(Audit, IsFollowedElsewhere) {
  add("a");
  add("b");
  std::vector<AuditEntry> read;
  ASSERT_TRUE(read_audit(*store_, 1, [&](const AuditEntry& one) {
    read.push_back(one);
    return true;
  }));
  AuditChain chain;
  EXPECT_TRUE(chain.follow(read[0]));
  EXPECT_EQ(code(chain.follow(read[0])), "trust.audit_broken");
  AuditEntry other = read[1];
  other.number = 3;
  EXPECT_EQ(code(chain.follow(other)), "trust.audit_broken");
  EXPECT_TRUE(chain.follow(read[1]));
  EXPECT_EQ(chain.head(), log_.head());
  for (const auto one : {AuditOutcome::kAllowed, AuditOutcome::kRefused, AuditOutcome::kFailed}) {
    EXPECT_EQ(audit_outcome(name(one)), one);
  }
  EXPECT_FALSE(audit_outcome("perhaps"));
}

TEST_F(Audit, NoticesANewHistory) {
  add("a");
  const AuditLog::Head known = log_.head();
  AuditEntry other = entry("x");
  other.number = 1;
  put(1, encode(other));
  EXPECT_EQ(verify_audit(*store_)->number, 1u);
  EXPECT_EQ(code(verify_audit(*store_, known)), "trust.audit_broken");
}

TEST(AuditEntry, SurvivesItsEncoding) {
  AuditEntry one = entry("a");
  one.number = 9;
  one.previous.fill(4);
  const Bytes encoding = encode(one);
  EXPECT_EQ(decode_audit_entry(encoding).value(), one);
  for (std::size_t size = 0; size < encoding.size(); ++size) {
    EXPECT_EQ(code(decode_audit_entry(ByteView(encoding).first(size))), "trust.record_invalid");
  }
  one.rule = std::string(kAuditTextSizeMax - 1, 'x') + "\u00e4";
  EXPECT_EQ(decode_audit_entry(encode(one))->rule, std::string(kAuditTextSizeMax - 1, 'x'));
}

}  // namespace
}  // namespace i2::trustchain
