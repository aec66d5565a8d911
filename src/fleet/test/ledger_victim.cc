// ledger_victim DATA_DIR OPERATIONS TIME: orders operations until somebody kills it.
//
// OPERATIONS has one in hexadecimal digits on each line. All are submitted at once; for every
// receipt a line "<index> <height>" goes to standard output, unbuffered.
#include <i2/fleet/ledger.h>
#include <i2/fleet/trust_store.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <format>
#include <fstream>
#include <future>

#include "engine.h"

namespace i2::fleet {
namespace {

int order(const std::filesystem::path& dir, const char* operations, UnixMillis now) {
  const StateMachine machine;
  auto ledger = open_ledger(dir, machine);
  if (!ledger) {
    std::fputs(ledger.error().to_string().c_str(), stderr);
    return 1;
  }
  const auto trust = TrustStore::load(dir, now, (*ledger)->chain());
  if (!trust) {
    std::fputs(trust.error().to_string().c_str(), stderr);
    return 1;
  }
  const testing::FixedClock clock(now);
  testing::Worker worker;
  SoloSequencer sequencer(**ledger, (*trust)->identity(), clock, worker.post());
  std::ifstream in(operations);
  std::vector<std::future<bool>> answers;
  for (std::string line; std::getline(in, line);) {
    auto answer = std::make_shared<std::promise<bool>>();
    answers.push_back(answer->get_future());
    sequencer.submit(wire::from_hex(line).value(), [answer, index = answers.size() - 1](
                                                       const Result<ports::Receipt>& receipt) {
      const std::string text = receipt ? std::format("{} {}\n", index, receipt->height)
                                       : std::format("error {}\n", receipt.error().to_string());
      const bool written =
          ::write(STDOUT_FILENO, text.data(), text.size()) == static_cast<ssize_t>(text.size());
      answer->set_value(receipt && written);
    });
  }
  bool all = true;
  for (auto& answer : answers) {
    all = answer.get() && all;
  }
  return all ? 0 : 1;
}

}  // namespace
}  // namespace i2::fleet

int main(int argc, char** argv) {
  return argc == 4 ? i2::fleet::order(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10)) : 2;
}
