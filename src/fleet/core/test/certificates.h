// Operations about certificates on a TestChain, and leaves that a log has promised to include.
#pragma once

#include <i2/trustchain/core/ct/log_entry.h>
#include <i2/trustchain/core/issuance.h>

#include "chain.h"

namespace i2::fleet::testing {

// By both operators of the fleet.
inline std::string run_approved(TestChain& chain, const Request& change) {
  const Author author = by_operator(chain.fleet.operator_1);
  Operation operation = chain.make(author, change);
  approve_operation(operation, chain.fleet.operator_2).value();
  return chain.run(std::move(operation), author);
}

// A leaf of the fleet's anchor; with `log` it carries that one's promise and may state a height.
inline crypto::Certificate make_leaf(Fleet& fleet, const Node& node, UnixMillis now,
                                     const crypto::PrivateKey* log = nullptr,
                                     std::optional<std::uint64_t> height = std::nullopt) {
  const std::string& name = node.info.name;
  const auto made = trustchain::make_leaf_request(name, fleet.genesis.fleet_name).value();
  if (log == nullptr) {
    return fleet.issue(made.request, name, now);
  }
  const auto issuer = trustchain::issuer_of(fleet.anchor, fleet.anchor_key);
  const auto intent =
      trustchain::decide(made.request, issuer,
                         {.profile = trustchain::Profile::kNode,
                          .applicant = {.role = trustchain::Requester::kNode,
                                        .member_name = name,
                                        .fleet_name = fleet.genesis.fleet_name},
                          .requester = name,
                          .common_name = name,
                          .dns_names = {trustchain::leaf_dns_name(name, fleet.genesis.fleet_name)},
                          .now = now,
                          .serial = fleet.serial(),
                          .logged = true,
                          .state_height = height})
          .value();
  const auto precertificate =
      trustchain::sign(trustchain::prepare(intent, made.request.public_key(), issuer).value(),
                       issuer)
          .value();
  auto logged = crypto::precertificate_entry(precertificate, fleet.anchor.certificate).value();
  const trustchain::ct::LogEntry entry{.submission = {.type = trustchain::ct::EntryType::kPrecert,
                                                      .issuer_key_hash = logged.issuer_key_hash,
                                                      .certificate = std::move(logged.tbs),
                                                      .precertificate = precertificate.der(),
                                                      .issuers = {}},
                                       .index = 7,
                                       .timestamp = now};
  const std::vector<Bytes> scts = {encode(trustchain::ct::make_sct(entry, *log).value())};
  return trustchain::complete(intent, precertificate, scts, issuer).value();
}

// What `node` claims in HELLO with a leaf.
inline std::string hello(const MemberSet& members, const Node& node,
                         const crypto::Certificate& leaf, UnixMillis now) {
  const Bytes binding = encode(
      trustchain::make_binding(node.identity, node.info.node_id, leaf.public_key(), now + kHour)
          .value());
  const Bytes signature = node.identity.ed25519().sign(as_bytes("message")).value();
  return code(members.check_hello({.node_id = node.info.node_id,
                                   .leaf = leaf,
                                   .binding = binding,
                                   .message = as_bytes("message"),
                                   .signature = signature},
                                  now));
}

}  // namespace i2::fleet::testing
