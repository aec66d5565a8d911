// RemoteLog: the fleet's log for an authority on another node than that which writes it.
//
// Whose log it is and under which key it promises, the fleet's state says at each call. A call goes
// over the connection that is there, and once more when that has ended: over another one, or to the
// log that has taken over meanwhile.
// Thread-safe.
#pragma once

#include <i2/fleet/trust_store.h>
#include <i2/rt/runtime.h>
#include <i2/trustchain/log_client.h>

#include <atomic>
#include <string_view>

#include "peers.h"

namespace i2::node {

inline constexpr std::string_view kLogAdd = "trust.Log/Add";
inline constexpr std::size_t kLogAddSizeMax = 64 * 1024;  // the request
inline constexpr int kLogChainMax = 4;

class RemoteLog final : public trustchain::LogClient {
 public:
  struct Parts {
    rt::Runtime& runtime;
    const fleet::TrustStore& trust;
    TaskGroup& tasks;
  };
  explicit RemoteLog(Parts parts) : parts_(parts) {}
  RemoteLog(const RemoteLog&) = delete;
  RemoteLog& operator=(const RemoteLog&) = delete;

  // From then on calls go through. They outlive the last call.
  void use(Peers& peers) { peers_ = &peers; }

  // trust::LogClient. Other errors: trust.no_log (the state names none), trust.sct_invalid (what
  // came back is no promise of it).
  void add(const crypto::Certificate& precertificate, std::vector<crypto::Certificate> chain,
           Done done) override;

 private:
  struct Entry {
    crypto::Certificate precertificate;
    crypto::Certificate issuer;
    Bytes request;
  };
  [[nodiscard]] Task<> send(Entry entry, Done done);
  [[nodiscard]] Task<Result<Bytes>> ask(NodeId holder, Bytes request);
  [[nodiscard]] Task<Result<Bytes>> promise(Entry entry);

  Parts parts_;
  std::atomic<Peers*> peers_ = nullptr;
  std::size_t asking_ = 0;  // on the control executor
};

}  // namespace i2::node
