// What the verbs are declared with. Only for parse*.cc, which include CLI11.
#pragma once

#include <string>

#include "options.h"

namespace CLI {
class App;
}

namespace i2::app {

inline constexpr std::string_view kHidden;  // a group without a name is not shown

// The texts that CLI11 writes into, beside the options themselves.
struct Raw {
  std::string timeout;
  std::string interval;
  std::string duration;
  std::string ttl;
};

struct Grammar {
  CLI::App& app;
  Options& options;
  Raw& raw;

  // Declares a verb; common flags may also stand behind it.
  CLI::App* verb(const std::string& name, const std::string& summary, const std::string& example,
                 const std::string& group) const;
};

// Flags of verbs that operators sign: where their keys are, and the file for others' approvals.
void add_operator_keys(const Grammar& grammar, CLI::App* to);
void add_approvals(const Grammar& grammar, CLI::App* to);

// invite, expel, leave, operator, root, validator, consensus.
void add_membership_verbs(const Grammar& grammar);
// acme, authority, cert, ct.
void add_trust_verbs(const Grammar& grammar);
// config, metrics, doctor.
void add_operation_verbs(const Grammar& grammar);

}  // namespace i2::app
