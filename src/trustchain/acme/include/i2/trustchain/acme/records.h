// What the server keeps: accounts, authorizations and orders as values, and their encoding.
//
// Records are in the canonical encoding (docs/wire/acme.md), like everything else that this program
// stores: decoding is bounded, one record has one form, and encode(decode(x)) == x.
//
// States that follow from time or from other records are not stored but asked for, so that no
// record changes because a clock moved or because another one did.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/clock.h>
#include <i2/base/error.h>
#include <i2/crypto/jwk.h>
#include <i2/trustchain/acme/validation.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::acme {

inline constexpr std::size_t kRecordSizeMax = 256 * 1024;
inline constexpr std::size_t kContactsMax = 10;  // of an account
inline constexpr std::size_t kNamesMax = 100;    // of an order

struct Account {
  std::string id{};
  crypto::Jwk key{};
  std::string thumbprint{};  // of `key`; not stored
  bool deactivated = false;
  bool terms_agreed = false;
  bool proven = false;  // had a name validated once; others can be evicted
  std::vector<std::string> contacts{};
  std::string external_kid{};  // of the account it is bound to; empty: none
  UnixMillis created = 0;
};

enum class AuthorizationState : std::uint8_t { kPending, kValid, kInvalid, kDeactivated };

// One token serves all challenges. The first one that the client answers is the one that counts.
struct Authorization {
  std::string id{};
  std::string account{};
  std::string name{};  // without "*."
  bool wildcard = false;
  std::string token{};
  AuthorizationState state = AuthorizationState::kPending;
  std::optional<ChallengeType> answered{};  // while kPending: it is being validated
  std::optional<Error> error{};             // kInvalid: why
  UnixMillis created = 0;
  UnixMillis expires = 0;
  UnixMillis validated = 0;
};

struct Order {
  std::string id{};
  std::string account{};
  std::vector<std::string> names{};  // sorted; "*.x" for wildcards
  std::vector<std::string> authorizations{};
  std::string profile{};   // empty: none asked for
  std::string replaces{};  // CertificateId of the predecessor; empty: none
  UnixMillis created = 0;
  UnixMillis expires = 0;
  Bytes request{};               // DER of the PKCS #10 request; empty: not finalized
  std::optional<Error> error{};  // why there is no certificate
  std::string chain{};           // PEM, the leaf first; empty: not issued
  Hash256 leaf{};                // SHA-256 of the leaf's DER
  std::string certificate{};     // CertificateId of the leaf
  UnixMillis not_after = 0;      // of the leaf
  bool replaced = false;         // a successor was issued
};

enum class RecordKind : std::uint8_t { kAccount, kAuthorization, kOrder };

[[nodiscard]] Bytes encode(const Account& account);
[[nodiscard]] Bytes encode(const Authorization& authorization);
[[nodiscard]] Bytes encode(const Order& order);

// Which of the three a record is, by its type.
[[nodiscard]] std::optional<RecordKind> kind_of(ByteView record);
// Errors: wire.malformed, acme.bad_public_key.
[[nodiscard]] Result<Account> decode_account(ByteView record);
[[nodiscard]] Result<Authorization> decode_authorization(ByteView record);
[[nodiscard]] Result<Order> decode_order(ByteView record);

}  // namespace i2::trustchain::acme
