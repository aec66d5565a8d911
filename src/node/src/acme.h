// The ACME server of this node: its service, the checks that it makes, its log lines.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/node/config.h>
#include <i2/node/log.h>
#include <i2/trustchain/acme_service.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authority.h"
#include "tasks.h"

namespace i2::trustchain {
class ChallengeChecker;
}

namespace i2::node {

class Acme {
 public:
  struct Parts {
    const Config& config;
    rt::Runtime& runtime;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
    Rng& rng;
    const fleet::TrustStore& trust;
    Authority* authority;
    bool served;  // over HTTP
  };
  // Null where it is off or, which is logged, this node cannot have one. Not on the control
  // executor. Errors: acme.options_invalid, those of AcmeService::open().
  [[nodiscard]] static Result<std::unique_ptr<Acme>> open(Parts parts);
  ~Acme();  // after stop()
  Acme(const Acme&) = delete;
  Acme& operator=(const Acme&) = delete;

  // Not on a thread of the runtime. No check is under way when it returns.
  void stop();
  [[nodiscard]] trustchain::AcmeService& service() { return *service_; }
  [[nodiscard]] const trustchain::AcmeService& service() const { return *service_; }
  // Of the base URL.
  [[nodiscard]] const std::string& host() const { return host_; }

 private:
  explicit Acme(Parts parts);
  [[nodiscard]] Result<void> open_checker();
  [[nodiscard]] Result<void> open_service();
  [[nodiscard]] Task<> each_minute();
  [[nodiscard]] Task<> issue(crypto::CertificateRequest request,
                             trustchain::Application application,
                             trustchain::CertificateAuthority::Done done);
  [[nodiscard]] Task<> check(trustchain::acme::Validation validation,
                             trustchain::AcmeService::Checked done);
  [[nodiscard]] Task<> check_caa(std::vector<std::string> names,
                                 trustchain::AcmeService::Checked done);
  void report(const trustchain::AcmeEvent& event) const;
  // On the control executor, and waits for it.
  void on_control(std::function<void()> work);

  Parts parts_;
  std::string host_;
  TaskGroup checks_;
  std::unique_ptr<trustchain::ChallengeChecker> checker_;
  std::unique_ptr<trustchain::AcmeService> service_;
  Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace i2::node
