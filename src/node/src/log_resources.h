// The transparency log over HTTP: RFC 6962 under /ct/v1, static-ct-api under /ct, and proofs for
// people.
#pragma once

#include <i2/gateway/router.h>
#include <i2/rt/runtime.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cosigners.h"
#include "own_log.h"

namespace i2::node {

// Reading happens on the pool.
class LogResources {
 public:
  struct Parts {
    const OwnLog& log;  // without one every answer is trust.no_log
    rt::Runtime& runtime;
    const Cosigners* cosigners = nullptr;  // null: nobody is asked
    // As of LogServing; empty: nothing is asked.
    std::function<Result<void>(const crypto::Certificate&)> check{};
  };
  explicit LogResources(Parts parts) : parts_(std::move(parts)) {}
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

  [[nodiscard]] Result<void> check_log() const;
  // After check_log().
  [[nodiscard]] trustchain::CtLog& log() const { return *parts_.log.shown(); }

  Parts parts_;
};

}  // namespace i2::node
