// Traces as files: bounded in number and size, turned on and off while the transport runs.
#include "../src/io/qlog_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace i2::stoq::io {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::EndsWith;
using testing::SizeIs;

class QlogDirectoryTest : public testing::Test {
 public:
  ~QlogDirectoryTest() override { fs::remove_all(folder_.parent_path()); }

 protected:
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      out.push_back(entry.path().filename().string());
    }
    std::ranges::sort(out);
    return out;
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) / ("qlog." + std::to_string(::getpid())) / "traces";
  QlogDirectory traces_;
};

void write(core::QlogSink& sink, std::string_view text) {
  sink.write(as_bytes(text));
}

TEST_F(QlogDirectoryTest, WithoutADirectoryThereAreNone) {
  EXPECT_EQ(traces_.make("a-client"), nullptr);
  ASSERT_TRUE(traces_.set({}));
  EXPECT_EQ(traces_.make("a-client"), nullptr);
}

TEST_F(QlogDirectoryTest, ATraceIsAPrivateFileOfWholePieces) {
  ASSERT_TRUE(traces_.set({.directory = folder_, .files_max = 4, .size_max = 10}));
  auto trace = traces_.make("a-client");
  ASSERT_NE(trace, nullptr);
  write(*trace, "1234");
  write(*trace, "5678");
  write(*trace, "too long");  // the trace ends before it
  write(*trace, "9");
  trace.reset();
  ASSERT_THAT(names(), ElementsAre(EndsWith("-a-client.sqlog")));
  const fs::path path = folder_ / names().front();
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "12345678");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(QlogDirectoryTest, TheOldestGoAndOtherFilesStay) {
  ASSERT_TRUE(traces_.set({.directory = folder_, .files_max = 2}));
  std::ofstream(folder_ / "notes.txt") << "mine";
  std::ofstream(folder_ / "1000000000001-old-server.sqlog") << "x";
  std::ofstream(folder_ / "1000000000002-old-server.sqlog") << "x";
  const auto trace = traces_.make("new-client");
  EXPECT_THAT(names(), ElementsAre("1000000000002-old-server.sqlog", EndsWith("-new-client.sqlog"),
                                   "notes.txt"));
}

TEST_F(QlogDirectoryTest, OnAndOff) {
  ASSERT_TRUE(traces_.set({.directory = folder_}));
  EXPECT_NE(traces_.make("a-client"), nullptr);
  ASSERT_TRUE(traces_.set({}));
  EXPECT_EQ(traces_.make("b-client"), nullptr);
  EXPECT_THAT(names(), SizeIs(1));
}

TEST_F(QlogDirectoryTest, ADirectoryThatCannotBeChangesNothing) {
  ASSERT_TRUE(traces_.set({.directory = folder_}));
  std::ofstream(folder_ / "file") << "";
  const auto set = traces_.set({.directory = folder_ / "file" / "x"});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), "stoq.qlog");
  EXPECT_NE(traces_.make("a-client"), nullptr);
}

}  // namespace
}  // namespace i2::stoq::io
