// The admin protocol: how a client talks to the daemon of the same machine.
//
// A UNIX stream socket (<data-dir>/admin.sock, mode 0600), one JSON object on each line:
//
//   client  {"verb":"ping","args":{"peer":"beta","count":2}}
//   daemon  {"progress":{"rtt_us":412}}                           any number of them
//   daemon  {"result":{...}}   or   {"error":{"code":"stoq.unreachable","message":"..."}}
//
// Argument values are strings, integers and booleans. Requests are answered one after another. A
// client that closes its end takes the request back. `send` travels with an open file descriptor
// (SCM_RIGHTS, unix(7)) beside the first byte of its line, so that the file is read with the
// client's rights.
//
// Pure: text in, values out. The peer may be anything that can open the socket; nothing here trusts
// it.
#pragma once

#include <i2/base/error.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace i2::node {

// Of a request, without its '\n': an operation of the largest size in hexadecimal, and its verb.
inline constexpr std::size_t kAdminLineMax = 132 * 1024;
// Of an answer.
inline constexpr std::size_t kAdminReplyMax = 16 * 1024 * 1024;
inline constexpr std::size_t kAdminArgumentsMax = 32;

using AdminValue = std::variant<std::string, std::int64_t, bool>;

struct AdminRequest {
  std::string verb;
  std::map<std::string, AdminValue, std::less<>> args;

  // The argument's value. Error: admin.argument when it is missing or of another type.
  [[nodiscard]] Result<std::string> text(std::string_view name) const;
  // The argument's value or, when it is missing, `otherwise`. Error: admin.argument when it is of
  // another type or outside of [minimum, maximum].
  [[nodiscard]] Result<std::int64_t> integer(std::string_view name, std::int64_t otherwise,
                                             std::int64_t minimum, std::int64_t maximum) const;
  [[nodiscard]] Result<bool> flag(std::string_view name) const;
};

// `line` is without its '\n'. Error: admin.malformed.
[[nodiscard]] Result<AdminRequest> parse_request(std::string_view line);
// With '\n'.
[[nodiscard]] std::string encode_request(const AdminRequest& request);

// Lines of answers, with '\n'. `json` is one JSON value on one line.
[[nodiscard]] std::string encode_progress(std::string_view json);
[[nodiscard]] std::string encode_result(std::string_view json);
[[nodiscard]] std::string encode_error(std::string_view code, std::string_view message);

struct AdminReply {
  enum class Kind : std::uint8_t { kProgress, kResult, kError };
  Kind kind = Kind::kResult;
  std::string json;     // progress and result
  std::string code;     // error
  std::string message;  // error
};
// Error: admin.malformed.
[[nodiscard]] Result<AdminReply> parse_reply(std::string_view line);

}  // namespace i2::node
