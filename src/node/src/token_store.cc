#include "token_store.h"

#include <i2/crypto/hash.h>
#include <i2/wire/text.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "http_token.h"
#include "secret_file.h"

namespace i2::node {
namespace {

using trustchain::AuthorityRole;

constexpr std::size_t kTokenFileSizeMax = 64 * 1024;
constexpr std::size_t kTokenNameSizeMax = 64;

bool is_token_name(std::string_view text) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kTokenNameSizeMax && std::ranges::all_of(text, is_good);
}

// Those that a token can have: members and guests need none.
std::optional<AuthorityRole> token_role(std::string_view text) {
  const auto role = trustchain::authority_role(text);
  const bool fits = role == AuthorityRole::kAdmin || role == AuthorityRole::kOperator ||
                    role == AuthorityRole::kAuditor;
  return fits ? role : std::nullopt;
}

std::optional<TokenStore::Token> parse_line(const std::string& line) {
  std::istringstream words(line);
  std::string role;
  std::string hash;
  std::string more;
  TokenStore::Token out;
  words >> out.name >> role >> hash >> out.created;
  const auto read = token_role(role);
  const auto sha256 = wire::hash_from_hex(hash);
  if (words.fail() || words >> more || !is_token_name(out.name) || !read || !sha256) {
    return std::nullopt;
  }
  out.role = *read;
  out.sha256 = *sha256;
  return out;
}

}  // namespace

Result<std::unique_ptr<TokenStore>> TokenStore::load(std::filesystem::path file) {
  std::unique_ptr<TokenStore> out(new TokenStore(std::move(file)));
  if (::access(out->file_.c_str(), F_OK) != 0) {
    return out;
  }
  I2_TRY_VALUE(const crypto::SecretBytes text, read_secret(out->file_, kTokenFileSizeMax));
  std::istringstream lines{std::string(as_text(text.view()))};
  for (std::string line; std::getline(lines, line);) {
    auto token = parse_line(line);
    if (!token || out->find(token->name) || out->tokens_.size() == kTokensMax) {
      return fail("node.file_failed",
                  "'" + out->file_.string() + "' is damaged: remove it and make the tokens again");
    }
    out->tokens_.push_back(*std::move(token));
  }
  std::ranges::sort(out->tokens_, {}, &Token::name);
  return out;
}

Result<void> TokenStore::write(const std::vector<Token>& tokens) const {
  std::string text;
  for (const Token& one : tokens) {
    text += one.name + ' ' + std::string(trustchain::name(one.role)) + ' ' + to_hex(one.sha256) +
            ' ' + std::to_string(one.created) + '\n';
  }
  I2_TRY(make_private_folder(file_.parent_path()));
  return write_secret(file_, as_bytes(text));
}

void TokenStore::set_own(const Hash256& sha256) {
  const std::scoped_lock lock(mutex_);
  own_ = Token{.name = std::string(kOwnToken), .role = AuthorityRole::kOperator, .sha256 = sha256};
}

Result<std::string> TokenStore::add(std::string_view name, std::string_view role, UnixMillis now,
                                    Rng& rng) {
  const auto wanted = token_role(role);
  if (!is_token_name(name) || !wanted) {
    return fail("admin.argument",
                "a token has a name of letters, digits, '-', '_' and '.', and the role admin, "
                "operator or auditor");
  }
  std::string text = make_token(rng);
  const std::scoped_lock lock(mutex_);
  const auto at = std::ranges::lower_bound(tokens_, name, {}, &Token::name);
  if (name == kOwnToken || (at != tokens_.end() && at->name == name)) {
    return fail("admin.argument", "there is a token '" + std::string(name) + "' already");
  }
  if (tokens_.size() >= kTokensMax) {
    return fail("admin.argument", "there are " + std::to_string(kTokensMax) +
                                      " tokens: remove one that nobody needs");
  }
  std::vector<Token> next = tokens_;
  next.insert(next.begin() + (at - tokens_.begin()), {.name = std::string(name),
                                                      .role = *wanted,
                                                      .sha256 = crypto::sha256(as_bytes(text)),
                                                      .created = now});
  I2_TRY(write(next));
  tokens_ = std::move(next);
  return text;
}

Result<void> TokenStore::remove(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  std::vector<Token> next = tokens_;
  if (std::erase_if(next, [name](const Token& one) { return one.name == name; }) == 0) {
    return fail("admin.argument", "there is no token '" + std::string(name) + "'");
  }
  I2_TRY(write(next));
  tokens_ = std::move(next);
  return {};
}

std::vector<TokenStore::Token> TokenStore::list() const {
  const std::scoped_lock lock(mutex_);
  return tokens_;
}

std::optional<TokenStore::Token> TokenStore::find(const Hash256& sha256) const {
  const std::scoped_lock lock(mutex_);
  if (own_ && own_->sha256 == sha256) {
    return own_;
  }
  const auto at = std::ranges::find(tokens_, sha256, &Token::sha256);
  return at == tokens_.end() ? std::nullopt : std::optional(*at);
}

std::optional<TokenStore::Token> TokenStore::find(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  if (own_ && name == kOwnToken) {
    return own_;
  }
  const auto at = std::ranges::find(tokens_, name, &Token::name);
  return at == tokens_.end() ? std::nullopt : std::optional(*at);
}

}  // namespace i2::node
