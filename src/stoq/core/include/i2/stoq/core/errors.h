// Application error codes of ALPN "stoq/1" (docs/wire/errors.md): what a CONNECTION_CLOSE or
// RESET_STREAM carries, and the project's stable code strings for them.
#pragma once

#include <i2/base/error.h>

#include <cstdint>
#include <string_view>

namespace i2::stoq::core {

enum class AppError : std::uint64_t {
  kNone = 0x00,
  kGoingAway = 0x01,      // the node shuts down
  kProtocol = 0x02,       // a peer broke the stoq/1 rules
  kVersion = 0x03,        // no common stoq version
  kHelloTimeout = 0x04,   // no valid HELLO in time
  kLeafUntrusted = 0x10,  // the leaf was not issued by an anchor of this fleet
  kLeafNotYetValid = 0x11,
  kLeafExpired = 0x12,  // expired, and this request is not a renewal
  kBindingInvalid =
      0x13,  // binding malformed, for another leaf, or not signed by the registered keys
  kBindingExpired = 0x14,
  kMemberUnknown = 0x15,
  kMemberRevoked = 0x16,
  kHelloSignature = 0x17,
  kKexNotPostQuantum = 0x18,
  kCertificateRevoked = 0x19,
  kSctMissing = 0x1a,  // the leaf is not in the fleet's log, and this request is not a renewal
  kPinMismatch = 0x1b,
  kCancelled = 0x20,   // streams: the caller lost interest
  kRefused = 0x21,     // streams: no such service, or not for this peer
  kOverloaded = 0x22,  // streams or connections: a limit was reached
  kInternal = 0x23,
  kDeadlineExceeded = 0x24,  // streams: the time the caller gave is over
};

// "trust.member_unknown" and so on; "stoq.closed_by_peer" for a number this version does not know.
[[nodiscard]] ErrorCode error_code(std::uint64_t app_error);
// The code to close with for an error of the trust port; kInternal for anything else.
[[nodiscard]] AppError app_error(const Error& error);
[[nodiscard]] std::string_view describe(std::uint64_t app_error);

}  // namespace i2::stoq::core
