// authority_victim DIR TIME: issues and revokes until somebody kills it.
//
// To DIR/signed goes the serial of every precertificate, before the promise for it is made. To
// standard output go, unbuffered, "issued SERIAL" and "revoked SERIAL" when a requester would know.
#include <fcntl.h>
#include <i2/trustchain/revocation_service.h>
#include <i2/trustchain/testing/authority.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace i2::trustchain {
namespace {

constexpr std::size_t kWaiting = 24;

bool say(int to, const std::string& line) {
  return ::write(to, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

// Notes what it is shown.
class WatchingLog final : public LogClient {
 public:
  WatchingLog(LogClient& log, int file) : log_(log), file_(file) {}
  void add(const crypto::Certificate& precertificate, std::vector<crypto::Certificate> chain,
           Done done) override {
    say(file_, to_hex(precertificate.serial()) + "\n");
    log_.add(precertificate, std::move(chain), std::move(done));
  }

 private:
  LogClient& log_;
  int file_;
};

int run(const std::filesystem::path& dir, UnixMillis now) {
  testing::SettableClock clock;
  clock.time = now;
  const int file =
      ::open((dir / "signed").c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
  auto store = CertificateStore::open(dir / "issued", now);
  if (file < 0 || !store) {
    return 1;
  }
  IssuerSet issuers(**store, "http://ca/ca");
  if (!testing::add_to(issuers, testing::make_authority(now))) {
    return 1;
  }
  testing::PromisingLog promises(clock);
  WatchingLog log(promises, file);
  testing::Pool pool(2);
  CertificateAuthority authority({.store = **store,
                                  .issuers = issuers,
                                  .clock = clock,
                                  .post = pool.poster(),
                                  .log = &log,
                                  .limits = {.per_requester = {}}});
  RevocationService service({.store = **store, .issuers = issuers, .clock = clock});
  const auto request = testing::request_for(testing::subject_key(), "web.example");
  for (;;) {
    std::vector<std::promise<bool>> answers(kWaiting);
    for (std::size_t i = 0; i < kWaiting; ++i) {
      authority.issue(request, testing::server("web.example"), [&, i](Result<Issued> issued) {
        const std::string serial = issued ? to_hex(issued->certificate.serial()) : "";
        bool all = issued && say(STDOUT_FILENO, "issued " + serial + "\n");
        if (all && i == 0) {
          all = service.revoke(issued->certificate.serial(), crypto::RevocationReason::kSuperseded,
                               "victim") &&
                say(STDOUT_FILENO, "revoked " + serial + "\n");
        }
        answers[i].set_value(all);
      });
    }
    for (auto& answer : answers) {
      if (!answer.get_future().get()) {
        return 1;
      }
    }
  }
}

}  // namespace
}  // namespace i2::trustchain

int main(int argc, char** argv) {
  return argc == 3 ? i2::trustchain::run(argv[1], std::strtoull(argv[2], nullptr, 10)) : 2;
}
