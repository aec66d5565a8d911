// The transparency log over HTTP: RFC 6962 under /ct/v1, static-ct-api under /ct, and proofs for
// people.
#pragma once

#include <i2/gateway/router.h>
#include <i2/rt/runtime.h>
#include <i2/trustchain/ct_log.h>

#include <functional>
#include <string>
#include <vector>

#include "cosigners.h"

namespace i2::node {

// Reading happens on the pool.
class LogResources {
 public:
  struct Parts {
    trustchain::CtLog& log;
    rt::Runtime& runtime;
    const Cosigners* cosigners = nullptr;  // null: nobody is asked
    // What is read, if that may be another one than `log`; on any thread.
    std::function<trustchain::CtLog&()> shown{};
  };
  explicit LogResources(Parts parts) : parts_(parts) {}
  LogResources(const LogResources&) = delete;
  LogResources& operator=(const LogResources&) = delete;

  // The routes; they name this object.
  void attach(gateway::Router& router);

 private:
  using Request = gateway::Request;
  using Response = gateway::Response;
  using Reader = Result<Response> (LogResources::*)(const Request&) const;

  void attach_rfc6962(gateway::Router& router);
  void attach_static(gateway::Router& router);
  [[nodiscard]] gateway::Handler reading(Reader reader);
  [[nodiscard]] gateway::Handler adding(trustchain::ct::EntryType type);
  [[nodiscard]] gateway::Task<Response> read(Reader reader, Request request);
  [[nodiscard]] gateway::Task<Response> add(trustchain::ct::EntryType type, Request request);

  [[nodiscard]] Result<Response> sth(const Request& request) const;
  [[nodiscard]] Result<Response> consistency(const Request& request) const;
  [[nodiscard]] Result<Response> proof_by_hash(const Request& request) const;
  [[nodiscard]] Result<Response> entries(const Request& request) const;
  [[nodiscard]] Result<Response> entry_and_proof(const Request& request) const;
  [[nodiscard]] Result<Response> roots(const Request& request) const;
  [[nodiscard]] Result<Response> checkpoint(const Request& request) const;
  [[nodiscard]] Result<Response> tile(const Request& request) const;
  [[nodiscard]] Result<Response> issuer(const Request& request) const;
  [[nodiscard]] Result<Response> proof(const Request& request) const;

  [[nodiscard]] trustchain::CtLog& shown() const {
    return parts_.shown ? parts_.shown() : parts_.log;
  }

  Parts parts_;
};

}  // namespace i2::node
