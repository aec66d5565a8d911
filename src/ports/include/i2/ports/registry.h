// Registry: what other layers' rules ask about the members of a fleet. The fleet's own module
// answers, from the state that the rule is judged on.
#pragma once

#include <i2/crypto/x509.h>
#include <i2/ports/state_module.h>

#include <string>
#include <string_view>
#include <vector>

namespace i2::ports {

enum class Standing : std::uint8_t { kOther, kMember, kValidator };

// Pure, like the modules that ask. Every function: fleet.state_invalid.
class Registry {
 public:
  virtual ~Registry() = default;
  // How many operators sign together what one of them may not do.
  [[nodiscard]] virtual Result<std::size_t> operators_required(const StateReader& state) const = 0;
  [[nodiscard]] virtual Standing standing(const StateReader& state,
                                          const AccountId& account) const = 0;
  // Whether the account is a certificate authority of the fleet.
  [[nodiscard]] virtual Result<bool> holds_anchor(const StateReader& state,
                                                  const AccountId& account) const = 0;
  // The certificate authorities of the fleet.
  struct Anchor {
    crypto::Certificate certificate;
    NodeId holder;
  };
  [[nodiscard]] virtual Result<std::vector<Anchor>> anchors(const StateReader& state) const = 0;
  [[nodiscard]] virtual Result<std::string> fleet_name(const StateReader& state) const = 0;
  // Whether a member had this name in the state of that height, which is not above the present
  // one's. Nothing of it is ever forgotten.
  [[nodiscard]] virtual Result<bool> had_member(const StateReader& state, std::string_view name,
                                                std::uint64_t height) const = 0;
};

}  // namespace i2::ports
