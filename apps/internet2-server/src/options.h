// The command line as a value.
#pragma once

#include <i2/node/config.h>
#include <i2/node/exit_code.h>

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::app {

struct Options {
  std::string program;  // "i2", "internet2-server" or "stoq-transport": how it was called
  std::string verb;     // or mode
  std::string action;   // of a verb that has several: "check" of `config check`
  std::vector<std::string> words;  // behind the action
  // Everywhere.
  std::optional<std::string> config;
  std::optional<std::string> data_dir;
  std::optional<std::string> socket;
  std::optional<std::string> bind;
  std::optional<std::string> port;
  bool legacy_gateway = false;
  std::optional<Duration> timeout;
  bool json = false;
  // Of single verbs.
  std::string fleet = "home";
  std::string name;
  std::string out;
  std::string expect;
  bool replace = false;
  std::vector<std::string> addresses;
  std::string bundle;
  std::string peer;
  std::string file;
  std::string shell;
  std::string format;
  std::string common_name;
  std::vector<std::string> names_more;
  std::string csr;
  std::string algorithm;
  std::string requester;
  bool of_fleet = false;
  std::string role;
  std::string actor;
  std::string decision;
  std::string since;
  std::int64_t count = 1;
  std::int64_t streams = 1;
  Duration interval = kSecond;
  Duration duration = 10 * kSecond;
  bool datagram = false;
  bool wait = false;
  bool names = false;
  bool federated = false;
  bool root_authority = false;
  bool renew = false;  // an authority's keys
  bool translate_protocols = false;
  bool origin = false;
  bool running = false;
  std::string operator_dir;
  std::string root_dir;
  std::string reason;
  std::string tag;
  std::string revoke;
  std::vector<std::string> backups;
  bool report = false;
  std::int64_t uses = 1;
  std::int64_t required = 0;
  Duration ttl = 3600 * kSecond;
  bool newest = false;
  bool list = false;
  bool verify = false;
  std::vector<std::string> keys;
  std::vector<std::string> witnesses;
  std::int64_t witnesses_required = 0;
  std::string fingerprint;
  std::string log;  // its origin
  std::int64_t old_size = 0;
  std::int64_t new_size = 0;
};

// One verb as help, completion and the tests of the documents see it.
struct VerbHelp {
  std::string name;
  std::string summary;
  std::vector<std::string> flags;    // "--json"
  std::vector<std::string> actions;  // "check", of `config`
};

// The options, or the exit code when the answer has been printed already (help, usage errors).
[[nodiscard]] std::expected<Options, node::ExitCode> parse(int argc, char** argv);
// Every verb that works, and the flags that all take (name empty, first).
[[nodiscard]] std::vector<VerbHelp> describe();

}  // namespace i2::app
