#include <i2/stoq/core/errors.h>

#include <array>

namespace i2::stoq::core {
namespace {

struct Row {
  AppError number;
  ErrorCode code;
  std::string_view text;
};

constexpr std::array kRows{
    Row{AppError::kNone, "stoq.closed_by_peer", "the peer closed the connection"},
    Row{AppError::kGoingAway, "stoq.going_away", "the peer is shutting down"},
    Row{AppError::kProtocol, "stoq.protocol_violation", "the stoq/1 protocol was violated"},
    Row{AppError::kVersion, "stoq.version_unsupported", "no common stoq version"},
    Row{AppError::kHelloTimeout, "stoq.hello_timeout", "no valid HELLO arrived in time"},
    Row{AppError::kLeafUntrusted, "trust.leaf_untrusted",
        "the certificate was not issued by an anchor of this fleet"},
    Row{AppError::kLeafNotYetValid, "trust.leaf_not_yet_valid",
        "the certificate is not valid yet: compare the clocks"},
    Row{AppError::kLeafExpired, "trust.leaf_expired", "the certificate has expired"},
    Row{AppError::kBindingInvalid, "trust.binding_invalid",
        "the identity binding does not fit certificate and registered keys"},
    Row{AppError::kBindingExpired, "trust.binding_expired", "the identity binding has expired"},
    Row{AppError::kMemberUnknown, "trust.member_unknown",
        "the node is not a registered member of this fleet"},
    Row{AppError::kMemberRevoked, "trust.member_revoked", "the node's membership was revoked"},
    Row{AppError::kHelloSignature, "trust.hello_signature",
        "the HELLO was not signed by the registered Ed25519 key"},
    Row{AppError::kKexNotPostQuantum, "stoq.kex_not_post_quantum",
        "the key exchange is not post-quantum"},
    Row{AppError::kCertificateRevoked, "trust.certificate_revoked",
        "the certificate has been revoked"},
    Row{AppError::kSctMissing, "trust.sct_missing", "the certificate is not in the fleet's log"},
    Row{AppError::kPinMismatch, "trust.pin_mismatch",
        "the certificate is of another authority than those the node is pinned to"},
    Row{AppError::kCancelled, "stoq.cancelled", "the peer cancelled the stream"},
    Row{AppError::kRefused, "stoq.refused", "the peer does not offer this service"},
    Row{AppError::kOverloaded, "stoq.overloaded", "a limit of the peer was reached"},
    Row{AppError::kInternal, "stoq.peer_internal", "the peer failed internally"},
    Row{AppError::kDeadlineExceeded, "stoq.deadline_exceeded", "the time for the call is over"},
};

}  // namespace

ErrorCode error_code(std::uint64_t app_error) {
  for (const Row& row : kRows) {
    if (static_cast<std::uint64_t>(row.number) == app_error) {
      return row.code;
    }
  }
  return "stoq.closed_by_peer";
}

AppError app_error(const Error& error) {
  for (const Row& row : kRows) {
    if (row.number != AppError::kNone && error.is(row.code)) {
      return row.number;
    }
  }
  return AppError::kInternal;
}

std::string_view describe(std::uint64_t app_error) {
  for (const Row& row : kRows) {
    if (static_cast<std::uint64_t>(row.number) == app_error) {
      return row.text;
    }
  }
  return "the peer closed with a code this version does not know";
}

}  // namespace i2::stoq::core
