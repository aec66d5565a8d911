// LogClient: where a certificate authority gets its promises of a transparency log.
//
// Behind it is the log of this process or that of another node. Thread-safe.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/error.h>
#include <i2/crypto/x509.h>

#include <functional>
#include <vector>

namespace i2::trustchain {

class LogClient {
 public:
  // An encoded SCT (ct/log_entry.h), as CertificateFields::scts takes it.
  using Done = std::function<void(Result<Bytes> sct)>;
  virtual ~LogClient() = default;
  // `precertificate`: that the caller has signed with the key of the first one of `chain`, which
  // goes on to a root that the log accepts. `done` runs
  // once, on any thread, after the entry is durable and the checkpoint that has it is published.
  // The same precertificate again gives the same promise. Errors: trust.log_entry_invalid,
  // trust.log_busy, trust.log_stopped, trust.log_unreachable, store.*.
  virtual void add(const crypto::Certificate& precertificate,
                   std::vector<crypto::Certificate> chain, Done done) = 0;
};

}  // namespace i2::trustchain
