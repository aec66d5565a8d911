// The request target (RFC 9112 §3.2, RFC 9113 §8.3.1): strict, because everything behind it relies
// on paths meaning one thing.
#pragma once

#include <i2/base/error.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace i2::gateway {

inline constexpr std::size_t kTargetSizeMax = 4096;
inline constexpr std::size_t kQueryPairsMax = 64;

struct Target {
  std::string authority;                                   // of the absolute form, else empty
  std::vector<std::string> segments;                       // decoded; "/" has none
  std::vector<std::pair<std::string, std::string>> query;  // decoded

  [[nodiscard]] std::string path() const;
};

// Refuses what two readers could understand differently: empty, "." and ".." segments (also
// percent-encoded), encoded slashes, backslashes, NUL and other control characters, broken
// percent-encoding, fragments. Error: gateway.target_invalid.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

// A host with an optional port: "localhost", "alpha.example:443", "[::1]:9292". The host comes back
// in lower case, an address without brackets. Error: gateway.host_invalid.
struct Authority {
  std::string host;
  std::string port;  // empty: none given
};
[[nodiscard]] Result<Authority> parse_authority(std::string_view text);

}  // namespace i2::gateway
