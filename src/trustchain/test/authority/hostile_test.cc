// Requests of people who mean no good, and a disk that is full.
#include <gtest/gtest.h>
#include <i2/trustchain/revocation_service.h>
#include <i2/trustchain/testing/authority.h>
#include <i2/trustchain/testing/temp_dir.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <random>

namespace i2::trustchain {
namespace {

using namespace testing;

// What the daemon does with a request from outside; the code of the error.
std::string issue_from(CertificateAuthority& authority, ByteView der) {
  auto request = crypto::CertificateRequest::from_der(der);
  if (!request) {
    return request.error().code();
  }
  Application wish = server("web.example");
  wish.common_name = request->subject_common_name();
  wish.dns_names = request->dns_names();
  wish.ip_addresses = request->ip_addresses();
  return code(issue_and_wait(authority, *std::move(request), std::move(wish)));
}

// I2_HOSTILE_REQUESTS: how many (default 500).
TEST(HostileRequests, GetNothing) {
  const char* const text = std::getenv("I2_HOSTILE_REQUESTS");  // NOLINT(concurrency-mt-unsafe)
  const std::size_t count = text != nullptr ? std::strtoull(text, nullptr, 10) : 500;
  const TempDir place;
  SettableClock clock;
  Pool pool(2);
  const auto store = CertificateStore::open(place / "issued", kStart).value();
  IssuerSet issuers(*store, "");
  ASSERT_TRUE(add_to(issuers, make_authority()));
  CertificateAuthority authority({.store = *store,
                                  .issuers = issuers,
                                  .clock = clock,
                                  .post = pool.poster(),
                                  .limits = {.per_requester = {}}});
  RevocationService service({.store = *store, .issuers = issuers, .clock = clock});
  const Bytes good = request_for(subject_key(), "web.example").der();
  std::mt19937_64 random(7);
  for (std::size_t i = 0; i < count; ++i) {
    Bytes bad = good;
    switch (random() % 3) {
      case 0:
        bad[random() % bad.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 1:
        bad.resize(random() % bad.size());
        break;
      default:
        bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(random() % bad.size()), 0);
        break;
    }
    const std::string outcome = issue_from(authority, bad);
    ASSERT_TRUE(outcome.starts_with("crypto.request_") || outcome.starts_with("trust.request_"))
        << i << ": " << outcome << " for " << to_hex(bad);
    const Bytes answer = service.ocsp(bad);
    ASSERT_EQ(answer, crypto::ocsp_error(crypto::OcspError::kMalformedRequest));
  }
  EXPECT_TRUE(store->list({})->records.empty());
  EXPECT_EQ(issue_from(authority, good), "ok");
}

TEST(HostileRequests, GetNoForbiddenNames) {
  const TempDir place;
  SettableClock clock;
  Pool pool(1);
  const auto store = CertificateStore::open(place / "issued", kStart).value();
  IssuerSet issuers(*store, "");
  ASSERT_TRUE(add_to(issuers, make_authority()));
  CertificateAuthority authority(
      {.store = *store, .issuers = issuers, .clock = clock, .post = pool.poster()});
  for (const char* const forbidden : {"other.example", "localhost", "WEB.example", "web.example.",
                                      "*.example", "web..example", "xweb.example", "1.2.3.4"}) {
    Application wish = server("web.example");
    wish.dns_names = {forbidden};
    EXPECT_EQ(code(issue_and_wait(authority, request_for(subject_key(), "web.example"), wish)),
              "trust.request_name")
        << forbidden;
  }
}

// In a child: files may not grow, and that does not kill.
TEST(FullDisk, GivesNothingOut) {
  const TempDir place;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    SettableClock clock;
    Pool pool(2);
    auto store = CertificateStore::open(place / "issued", kStart).value();
    IssuerSet issuers(*store, "");
    auto added = add_to(issuers, make_authority());
    CertificateAuthority authority({.store = *store,
                                    .issuers = issuers,
                                    .clock = clock,
                                    .post = pool.poster(),
                                    .limits = {.per_requester = {}}});
    const rlimit limit{.rlim_cur = 64 * 1024, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::size_t issued = 0;
    std::string last = "ok";
    while (last == "ok" && issued < 1000) {
      last = code(issue_and_wait(authority, request_for(subject_key(), "web.example"),
                                 server("web.example")));
      issued += last == "ok" ? 1 : 0;
    }
    authority.stop();
    std::size_t stored = 0;
    const auto page = store->list({.limit = kListLimitMax});
    for (const CertificateRecord& record : page->records) {
      stored += record.state == RecordState::kIssued ? 1 : 0;
    }
    ::_exit(added && last.starts_with("store.") && issued > 0 && stored == issued ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(CertificateStore::open(place / "issued", kStart));
}

}  // namespace
}  // namespace i2::trustchain
