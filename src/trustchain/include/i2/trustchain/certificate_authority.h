// CertificateAuthority: issues certificates, many at once.
//
//   issue() ──▶ waiting ──▶ [ decide, intents on disk, precertificates ] ──▶ LogClient::add
//                                                                              │
//   done() ◀── [ certificates, on disk ] ◀── all SCTs of the batch ◀────────────┘
//
// What waits goes through in batches, so that a thousand requests cost two writes, not two
// thousand. Several batches are under way at once; those of the slow Falcon key do not hold up the
// others. Without a log certificates are signed at once and carry no SCTs.
//
// An identity that has not changed is renewed by the same call: the authority's own record is all
// that is written, nothing is ordered in the fleet. Thread-safe; work happens in jobs of `post`.
#pragma once

#include <i2/trustchain/acme/rate.h>
#include <i2/trustchain/issuer_set.h>
#include <i2/trustchain/log_client.h>

#include <functional>
#include <memory>

namespace i2::trustchain {

struct AuthorityLimits {
  std::size_t waiting_max = 4096;       // requests, of each kind of key
  std::size_t batch_max = 24;           // of the P-256 key; larger ones wait for their own
  std::size_t anchor_batch_max = 8;     // of the Falcon key, which takes 7 ms for each
  std::size_t batches_max = 16;         // under way, of each kind of key
  std::size_t parallel = 2;             // of these, in a job at once
  std::size_t requesters_max = 65'536;  // whose rates are remembered
  acme::RateLimit per_requester{.count = 600, .window_ms = 3600ULL * 1000};
  acme::RateLimit global{};
};

struct Issued {
  crypto::Certificate certificate{};
  SignerPtr signer{};  // whose `chain` goes with it
  Bytes sct{};         // encoded; empty without a log
};

class CertificateAuthority {
 public:
  // Runs a job later on a thread that may block and has a real stack, or never.
  using Post = std::function<void(std::function<void()>)>;
  using Done = std::function<void(Result<Issued>)>;
  struct Parts {
    CertificateStore& store;
    const IssuerSet& issuers;
    const Clock& clock;
    Post post;
    LogClient* log = nullptr;
    AuthorityLimits limits{};
  };
  explicit CertificateAuthority(Parts parts);
  ~CertificateAuthority();  // stops
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // `application`: without now, serial, crl_url and logged, which are set here. `done` runs once,
  // in a job or in this call. When it says yes, the certificate is on disk and in the log. Errors:
  // trust.overloaded, trust.rate_limited, trust.no_issuer, trust.authority_stopped, those of
  // decide(), prepare(), LogClient and CertificateStore.
  void issue(crypto::CertificateRequest request, Application application, Done done);
  // What waits and what is under way is answered with trust.authority_stopped. When it returns, no
  // job touches the store any more. Not in a job of `post`.
  void stop();

  struct Stats {
    std::uint64_t issued = 0;
    std::uint64_t refused = 0;  // by policy, form or rate
    std::uint64_t failed = 0;   // after they had been allowed
    std::uint64_t batches = 0;
    std::size_t waiting = 0;
  };
  [[nodiscard]] Stats stats() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared: with jobs that `post` and the log still hold
};

}  // namespace i2::trustchain
