// What this node's authority has issued, handed in to the fleet's index (certificate.index).
//
// The store numbers what it has finished and remembers how far the index has come, so a crash at
// any moment costs at most one operation that says the same again. Issuing never waits for it.
#pragma once

#include <i2/fleet/account.h>
#include <i2/fleet/core/member_set.h>
#include <i2/node/log.h>
#include <i2/rt/runtime.h>
#include <i2/trustchain/certificate_store.h>

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "tasks.h"

namespace i2::node {

// Whose certificate it is: a member by name, an account by its 64 hexadecimal digits; what people
// asked for at the authority itself is the authority's own.
[[nodiscard]] ports::AccountId account_of_requester(std::string_view requester,
                                                    const fleet::MemberSet& members,
                                                    const ports::AccountId& authority);
using AccountOf = std::function<ports::AccountId(std::string_view requester)>;
// One for each issuer; without what is over at `now`, or begins so late that the ledger refuses it.
[[nodiscard]] std::vector<fleet::Request> index_operations(
    std::span<const trustchain::CertificateRecord> records, const AccountOf& account_of,
    UnixMillis now);

class CertificateIndex {
 public:
  // Orders all of the changes, or none, in the name of the authority: as fleet::Account::submit.
  using Submit = std::function<void(std::vector<fleet::Request>, fleet::Account::Done)>;
  struct Parts {
    rt::Runtime& runtime;
    trustchain::CertificateStore& store;
    AccountOf account_of;
    Submit submit;
    TaskGroup& tasks;
    const Logger& log;
    const Clock& clock;
  };
  explicit CertificateIndex(Parts parts)
      : parts_(std::move(parts)), wakeup_(parts_.runtime.control()) {}
  CertificateIndex(const CertificateIndex&) = delete;
  CertificateIndex& operator=(const CertificateIndex&) = delete;

  // On the control executor from here on.
  void start() { parts_.tasks.spawn(parts_.runtime.control(), run()); }
  void stop();
  // Without waiting for more certificates.
  void wake() { wakeup_.wake(); }

 private:
  [[nodiscard]] Task<> run();
  // Everything that there is.
  [[nodiscard]] Task<Result<void>> hand_in();
  void failed(const Error& error);

  Parts parts_;
  Wakeup wakeup_;
  std::string last_failure_;  // its code: the same one again is not news
  bool stopping_ = false;
};

}  // namespace i2::node
