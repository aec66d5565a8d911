// Renewing one certificate of this node, again and again.
//
// An authority issues to itself, and every other node sends a request to one that it reaches; where
// that fails the next one is tried. The wall clock may jump while the monotonic one stands still,
// so it is looked at every few seconds.
#pragma once

#include <i2/trustchain/core/leaf.h>

#include "peers.h"

namespace i2::node {

class RenewalLoop {
 public:
  // What is renewed.
  class Subject {
   public:
    virtual ~Subject() = default;

    // On the control executor. As trustchain::is_renewal_due.
    [[nodiscard]] virtual bool is_due(UnixMillis now, std::uint64_t spread) const = 0;
    [[nodiscard]] virtual bool can_issue(UnixMillis now) const = 0;
    virtual void renewed() = 0;
    virtual void failed(const Error& error) = 0;

    // As an authority: the answer to a request of this node's own.
    [[nodiscard]] virtual Task<Result<Bytes>> issue_own(Bytes request) = 0;

    // On the pool. Before another authority is asked.
    virtual Result<void> prepare(UnixMillis /*now*/) { return {}; }
    virtual Result<trustchain::LeafRequest> make_request() = 0;
    // The answer to the request whose key this is.
    virtual Result<void> install(const crypto::PrivateKey& key, ByteView answer,
                                 UnixMillis now) = 0;
  };

  struct Parts {
    rt::Runtime& runtime;
    fleet::TrustStore& trust;
    Peers& peers;
    TaskGroup& tasks;
    const Clock& clock;
    Rng& rng;
  };

  // `method`: of an authority, that answers a request (PKCS #10, DER).
  RenewalLoop(Parts parts, std::string_view method, Subject& subject)
      : parts_(parts), method_(method), subject_(subject), wakeup_(parts_.runtime.control()) {}
  RenewalLoop(const RenewalLoop&) = delete;
  RenewalLoop& operator=(const RenewalLoop&) = delete;

  // On the control executor from here on.
  void start() { parts_.tasks.spawn(parts_.runtime.control(), run()); }
  void stop();
  // An authority may have become reachable.
  void link_up() { wakeup_.wake(); }
  // Whether it is due or not.
  [[nodiscard]] Task<Result<void>> renew_now();

 private:
  [[nodiscard]] Task<> run();
  [[nodiscard]] Task<> wait_until_due();
  [[nodiscard]] Task<Result<void>> renew();
  [[nodiscard]] Task<Result<void>> renew_here();
  [[nodiscard]] Task<Result<void>> renew_with(NodeId authority);
  [[nodiscard]] Task<Result<void>> install(crypto::PrivateKey key, Bytes answer);

  Parts parts_;
  std::string_view method_;
  Subject& subject_;
  Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace i2::node
