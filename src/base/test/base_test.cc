#include <gtest/gtest.h>
#include <i2/base/assert.h>
#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/ids.h>
#include <i2/base/rng.h>

namespace i2 {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) {
    return fail("base.odd", "the value is odd", value);
  }
  return value / 2;
}

Result<int> quarter(int value) {
  I2_TRY_VALUE(const int first, half(value));
  I2_TRY_VALUE(const int second, half(first));
  return second;
}

TEST(Error, PropagatesWithCodeMessageAndNative) {
  EXPECT_EQ(*quarter(12), 3);
  const auto odd = quarter(6);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code(), "base.odd");
  EXPECT_EQ(odd.error().native(), 3);
  EXPECT_EQ(odd.error().in("there").to_string(), "there: the value is odd [base.odd]");
  EXPECT_TRUE(odd.error().is("base.odd"));
}

TEST(Error, FromErrnoNamesTheCause) {
  EXPECT_EQ(errno_error("base.file", "x", 2).message(), "x: No such file or directory");
}

TEST(Error, ReportedByAnotherNode) {
  const auto error = Error::reported("trust.invite_used", "used up", 7);
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->is("trust.invite_used"));
  EXPECT_EQ(error->in("join").to_string(), "join: used up [trust.invite_used]");
  EXPECT_EQ(error->native(), 7);
  EXPECT_FALSE(Error::reported("", "x"));
  EXPECT_FALSE(Error::reported("invite_used", "x"));
  EXPECT_FALSE(Error::reported("trust.Invite", "x"));
  EXPECT_FALSE(Error::reported("trust.invite used", "x"));
  EXPECT_FALSE(Error::reported("trust." + std::string(60, 'a'), "x"));
}

TEST(Bytes, Hex) {
  const Bytes bytes{0x00, 0x7f, 0xff};
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_TRUE(equal(bytes, Bytes({0x00, 0x7f, 0xff})));
  EXPECT_FALSE(equal(bytes, Bytes({0x00, 0x7f})));
}

TEST(Rng, ReadsBigEndian) {
  struct Counting final : Rng {
    void fill(MutableByteView out) override {
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::uint8_t>(i);
      }
    }
  } rng;
  EXPECT_EQ(rng.next_u64(), 0x0001020304050607u);
}

TEST(AssertDeathTest, NamesTheExpression) {
  EXPECT_DEATH(I2_ASSERT(1 == 2), "assertion failed: 1 == 2");
}

}  // namespace
}  // namespace i2
