// What convicts a certificate authority of the fleet: one certificate, or precertificate, of a
// member's profile that its anchor signed and that the state does not authorise
// (docs/wire/trust.md, "State height").
//
// A certificate states the height of the state by which it was issued. Its authority had that
// state, so a member had the certificate's name in it. Nothing else counts: no clock does, nor what
// has happened since, so an authority that is behind, or whose certificate is judged late, is not
// convicted.
#pragma once

#include <i2/ports/registry.h>

#include <optional>
#include <string>
#include <string_view>

namespace i2::trustchain {

inline constexpr std::size_t kMisissuedSizeMax = 8192;  // DER

enum class Issuance : std::uint8_t {
  kUnstated,      // states no height, or is of another profile: says nothing about its authority
  kAuthorised,    // a member had the name
  kAhead,         // states a height above the one that judges, which may be behind
  kUnauthorised,  // nobody had the name, or it has names that no member's certificate has
};

// By the state at `height`. The signature is not looked at. Error: fleet.state_invalid.
[[nodiscard]] Result<Issuance> judge_issuance(const crypto::Certificate& certificate,
                                              std::string_view fleet_name,
                                              const ports::Registry& registry,
                                              const ports::StateReader& state,
                                              std::uint64_t height);

struct Misissued {
  Hash256 issuer{};  // SHA-256 of the anchor's SPKI
  NodeId holder;     // of the anchor
  std::string name;  // common name of the certificate
  std::uint64_t state_height = 0;
};
// What the certificate proves, when a block after the state at `height` holds it: an authority that
// stated a height above that signed before there was such a state. Errors: trust.evidence_invalid
// (it proves nothing, or no anchor of the state signed it), fleet.state_invalid.
[[nodiscard]] Result<Misissued> convicted_authority(ByteView certificate,
                                                    const ports::Registry& registry,
                                                    const ports::StateReader& state,
                                                    std::uint64_t height);

}  // namespace i2::trustchain
