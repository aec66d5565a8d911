// What every back end of a log has to do. A new one joins the list of types below.
#include "log_back_end.h"

namespace i2::trustchain {
namespace {

using testing::code;
using testing::LocalBackEnd;
using testing::TempDir;

template <class BackEnd>
class LogStore : public ::testing::Test {
 protected:
  void open() {
    back_end_.reset();
    back_end_ = std::make_unique<BackEnd>(temp_ / "log");
  }
  void SetUp() override { open(); }
  LogObjects& objects() { return back_end_->objects(); }
  LogLock& lock() { return back_end_->lock(); }
  std::string text_of(std::string_view name) {
    const auto bytes = objects().get(name);
    return bytes ? std::string(as_text(*bytes)) : bytes.error().code();
  }
  std::string create(const std::vector<std::pair<std::string, std::string>>& named) {
    std::vector<ct::StoredObject> all;
    for (const auto& [name, text] : named) {
      all.push_back({.path = name, .bytes = to_bytes(as_bytes(text))});
    }
    return code(objects().create(all));
  }
  std::string remove(const std::vector<std::string>& names) {
    return code(objects().remove(names));
  }

 private:
  TempDir temp_;
  std::unique_ptr<BackEnd> back_end_;
};

using BackEnds = ::testing::Types<LocalBackEnd>;
TYPED_TEST_SUITE(LogStore, BackEnds);

TYPED_TEST(LogStore, KeepsObjects) {
  EXPECT_EQ(this->text_of("tile/0/000"), "trust.log_object_missing");
  EXPECT_EQ(this->create({{"tile/0/000", "one"}, {"tile/0/000.p/1", "two"}, {"empty", ""}}), "ok");
  EXPECT_EQ(this->text_of("tile/0/000"), "one");
  EXPECT_EQ(this->text_of("tile/0/000.p/1"), "two");
  EXPECT_EQ(this->text_of("empty"), "");
  EXPECT_EQ(this->text_of("tile/0"), "trust.log_object_missing");
  EXPECT_EQ(this->create({}), "ok");
  const std::string large(700'000, 'x');
  EXPECT_EQ(this->create({{"tile/data/000", large}}), "ok");
  EXPECT_EQ(this->text_of("tile/data/000"), large);
}

TYPED_TEST(LogStore, WritesEachNameOnce) {
  EXPECT_EQ(this->create({{"a", "one"}}), "ok");
  EXPECT_EQ(this->create({{"b", "two"}, {"a", "one"}}), "ok");
  EXPECT_EQ(this->create({{"a", "other"}}), "trust.log_object_differs");
  EXPECT_EQ(this->create({{"a", ""}}), "trust.log_object_differs");
  EXPECT_EQ(this->text_of("a"), "one");
  EXPECT_EQ(this->text_of("b"), "two");
}

TYPED_TEST(LogStore, RemovesObjects) {
  EXPECT_EQ(this->create({{"a", "one"}, {"b", "two"}}), "ok");
  EXPECT_EQ(this->remove({"a", "never there"}), "ok");
  EXPECT_EQ(this->text_of("a"), "trust.log_object_missing");
  EXPECT_EQ(this->text_of("b"), "two");
  EXPECT_EQ(this->create({{"a", "other"}}), "ok");
  EXPECT_EQ(this->text_of("a"), "other");
}

TYPED_TEST(LogStore, SwapsTheCheckpointOfWhoKnowsIt) {
  EXPECT_EQ(this->lock().read().value(), std::nullopt);
  EXPECT_EQ(code(this->lock().swap("first", "second")), "trust.log_lock_lost");
  EXPECT_EQ(code(this->lock().swap(std::nullopt, "first")), "ok");
  EXPECT_EQ(this->lock().read().value(), "first");
  EXPECT_EQ(code(this->lock().swap(std::nullopt, "other")), "trust.log_lock_lost");
  EXPECT_EQ(code(this->lock().swap("fir", "other")), "trust.log_lock_lost");
  EXPECT_EQ(code(this->lock().swap("first", "second")), "ok");
  EXPECT_EQ(code(this->lock().swap("first", "third")), "trust.log_lock_lost");
  EXPECT_EQ(this->lock().read().value(), "second");
}

TYPED_TEST(LogStore, KeepsAllOverARestart) {
  EXPECT_EQ(this->create({{"a", "one"}, {"b", "two"}}), "ok");
  EXPECT_EQ(this->remove({"b"}), "ok");
  EXPECT_EQ(code(this->lock().swap(std::nullopt, "first")), "ok");
  this->open();
  EXPECT_EQ(this->text_of("a"), "one");
  EXPECT_EQ(this->text_of("b"), "trust.log_object_missing");
  EXPECT_EQ(this->create({{"a", "other"}}), "trust.log_object_differs");
  EXPECT_EQ(this->lock().read().value(), "first");
  EXPECT_EQ(code(this->lock().swap("first", "second")), "ok");
}

}  // namespace
}  // namespace i2::trustchain
