// log_victim DIR FIRST COUNT TIME: adds entries to a log until somebody kills it.
//
// Makes the log when there is none. For every promise a line "<number of the submission> <index>"
// goes to standard output, unbuffered. The log's key is the one in DIR/key.pem.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <format>

#include "log_harness.h"

namespace i2::trustchain::testing {
namespace {

int add(const fs::path& dir, std::size_t first, std::size_t count, UnixMillis now) {
  Home home(dir);
  home.clock.time = now;
  if (const auto opened = home.open(); !opened) {
    std::fputs(opened.error().to_string().c_str(), stderr);
    return 1;
  }
  std::vector<std::future<void>> answers;
  for (std::size_t i = first; i < first + count; ++i) {
    auto answer = std::make_shared<std::promise<void>>();
    answers.push_back(answer->get_future());
    home.log().add_submission(
        {.submission = ct::testing::submission(i), .issuers = {ct::testing::issuer()}},
        [answer, i](const Result<Bytes>& sct) {
          const auto read = sct ? ct::decode_sct(*sct) : Result<ct::Sct>(fail(sct.error()));
          const std::string line =
              read ? std::format("{} {}\n", i, ct::read_leaf_index(read->extensions).value())
                   : std::format("error {}\n", read.error().to_string());
          if (::write(STDOUT_FILENO, line.data(), line.size()) ==
              static_cast<ssize_t>(line.size())) {
            answer->set_value();
          }
        });
    // Rounds of different sizes.
    if (i % 7 == 0) {
      answers.back().wait();
    }
  }
  for (auto& answer : answers) {
    answer.wait();
  }
  return 0;
}

}  // namespace
}  // namespace i2::trustchain::testing

int main(int argc, char** argv) {
  return argc == 5 ? i2::trustchain::testing::add(argv[1], std::strtoull(argv[2], nullptr, 10),
                                                  std::strtoull(argv[3], nullptr, 10),
                                                  std::strtoull(argv[4], nullptr, 10))
                   : 2;
}
