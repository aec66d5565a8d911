#include <gtest/gtest.h>
#include <i2/stoq/core/record.h>

namespace i2::stoq::core {
namespace {

constexpr RecordReader::Limits kLimits{.type_max = 3, .body_max = 1'000};

Bytes sample() {
  Bytes out;
  append_record(out, 1, as_bytes("first"));
  append_record(out, 99, as_bytes("of a later version"));
  append_record(out, 2, {});
  append_record(out, 0, as_bytes("no type"));
  append_record(out, 3, Bytes(1'000, 7));
  return out;
}

TEST(RecordReader, CutsWhateverTheChunking) {
  const Bytes input = sample();
  const std::vector<Record> expected{
      {1, to_bytes(as_bytes("first"))}, {2, {}}, {3, Bytes(1'000, 7)}};
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    RecordReader reader(kLimits);
    std::vector<Record> records;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      ByteView view = ByteView(input).subspan(at, std::min(piece, input.size() - at));
      while (!view.empty()) {
        auto next = reader.next(view);
        ASSERT_TRUE(next) << next.error().to_string();
        if (*next) {
          records.push_back(std::move(**next));
        }
      }
    }
    EXPECT_EQ(records, expected) << "pieces of " << piece;
    EXPECT_TRUE(reader.between_records());
  }
}

TEST(RecordReader, KnowsWhereAStreamMayEnd) {
  const Bytes input = sample();
  RecordReader reader(kLimits);
  EXPECT_TRUE(reader.between_records());
  ByteView view = ByteView(input).first(3);
  ASSERT_TRUE(reader.next(view));
  EXPECT_FALSE(reader.between_records());
}

TEST(RecordReader, RefusesWhatIsTooLarge) {
  for (const std::uint64_t type : {1, 99}) {  // also a type that it would skip
    RecordReader reader(kLimits);
    Bytes input;
    append_record_head(input, type, 1'001);
    ByteView view = input;
    const auto next = reader.next(view);
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), "stoq.message_too_large");
  }
}

TEST(RecordReader, HeadsAloneHaveNoLimit) {
  RecordReader reader(kLimits);
  Bytes input;
  append_record_head(input, 3, 1ULL << 40);
  input.push_back(0xee);
  ByteView view = input;
  EXPECT_EQ(reader.next_head(view), (RecordHead{3, 1ULL << 40}));
  EXPECT_EQ(view.size(), 1u);
}

}  // namespace
}  // namespace i2::stoq::core
