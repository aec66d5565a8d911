// Registry: what other layers' rules ask about the members of a fleet. The fleet's own module
// answers, from the state that the rule is judged on.
#pragma once

#include <i2/ports/state_module.h>

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
};

}  // namespace i2::ports
