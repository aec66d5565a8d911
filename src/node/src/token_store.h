// The API tokens of this node: who may do what over HTTP. Only their SHA-256 is kept, in
// <data-dir>/gateway/tokens (mode 0600, a line each: name, role, SHA-256, time of making).
//
// The node's own token is another file (http_token.h); here it is the operator `gateway`.
// Thread-safe; changes are on disk before they take effect.
#pragma once

#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/base/rng.h>
#include <i2/trustchain/core/roles.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::node {

inline constexpr std::string_view kOwnToken = "gateway";
inline constexpr std::size_t kTokensMax = 64;

class TokenStore {
 public:
  struct Token {
    std::string name;
    trustchain::AuthorityRole role = trustchain::AuthorityRole::kGuest;
    Hash256 sha256{};
    UnixMillis created = 0;
  };

  // Errors: node.secret_exposed, node.file_failed.
  [[nodiscard]] static Result<std::unique_ptr<TokenStore>> load(std::filesystem::path file);
  TokenStore(const TokenStore&) = delete;
  TokenStore& operator=(const TokenStore&) = delete;

  // The node's own token, which is no line of the file.
  void set_own(const Hash256& sha256);
  // A new token, which nobody will see again. Errors: admin.argument (the name is taken or not of
  // 1 to 64 letters, digits, '-', '_' and '.', the role is not admin, operator or auditor, there
  // are kTokensMax), node.file_failed.
  [[nodiscard]] Result<std::string> add(std::string_view name, std::string_view role,
                                        UnixMillis now, Rng& rng);
  // It is good for nothing from now on. Errors: admin.argument (there is none), node.file_failed.
  [[nodiscard]] Result<void> remove(std::string_view name);
  // By name; without the node's own.
  [[nodiscard]] std::vector<Token> list() const;
  [[nodiscard]] std::optional<Token> find(const Hash256& sha256) const;
  [[nodiscard]] std::optional<Token> find(std::string_view name) const;

 private:
  explicit TokenStore(std::filesystem::path file) : file_(std::move(file)) {}
  [[nodiscard]] Result<void> write(const std::vector<Token>& tokens) const;

  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::vector<Token> tokens_;  // ascending by name
  std::optional<Token> own_;
};

}  // namespace i2::node
