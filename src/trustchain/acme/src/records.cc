#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/records.h>
#include <i2/wire/canonical.h>

namespace i2::trustchain::acme {
namespace {

using wire::CanonicalReader;
using wire::CanonicalWriter;

constexpr std::uint16_t kAccountType = 0x0110;
constexpr std::uint16_t kAuthorizationType = 0x0111;
constexpr std::uint16_t kOrderType = 0x0112;
constexpr std::uint16_t kRecordVersion = 1;

constexpr std::size_t kIdMax = 64;
constexpr std::size_t kTextMax = 4096;
constexpr std::size_t kRequestMax = 64 * 1024;
constexpr std::size_t kChainMax = 128 * 1024;

void put_texts(CanonicalWriter& w, const std::vector<std::string>& texts) {
  w.count(texts.size());
  for (const std::string& text : texts) {
    w.text(text);
  }
}

std::vector<std::string> get_texts(CanonicalReader& r, std::size_t count_max) {
  std::vector<std::string> out(r.count(count_max));
  for (std::string& text : out) {
    text = r.text(kTextMax);
  }
  return out;
}

void put_error(CanonicalWriter& w, const std::optional<Error>& error) {
  w.boolean(error.has_value());
  if (error) {
    w.text(error->code());
    w.text(std::string_view(error->message()).substr(0, kTextMax));
  }
}

std::optional<Error> get_error(CanonicalReader& r) {
  if (!r.boolean()) {
    return std::nullopt;
  }
  const std::string code = r.text(kIdMax);
  auto out = Error::reported(code, r.text(kTextMax));
  if (!out) {
    r.fail();
  }
  return out;
}

}  // namespace

Bytes encode(const Account& account) {
  CanonicalWriter w(kAccountType, kRecordVersion);
  w.text(account.id);
  w.text(jwk_text(account.key));
  w.boolean(account.deactivated);
  w.boolean(account.terms_agreed);
  w.boolean(account.proven);
  put_texts(w, account.contacts);
  w.text(account.external_kid);
  w.u64(account.created);
  return std::move(w).take();
}

Result<Account> decode_account(ByteView record) {
  CanonicalReader r(record, kAccountType, kRecordVersion);
  Account out;
  out.id = r.text(kIdMax);
  const std::string key = r.text(kTextMax);
  out.deactivated = r.boolean();
  out.terms_agreed = r.boolean();
  out.proven = r.boolean();
  out.contacts = get_texts(r, kContactsMax);
  out.external_kid = r.text(kTextMax);
  out.created = r.u64();
  I2_TRY(r.finish());
  I2_TRY_VALUE(out.key, parse_jwk(key));
  if (jwk_text(out.key) != key) {
    return fail("wire.malformed", "the key of the account is not in its canonical form");
  }
  out.thumbprint = thumbprint(out.key);
  return out;
}

Bytes encode(const Authorization& authorization) {
  CanonicalWriter w(kAuthorizationType, kRecordVersion);
  w.text(authorization.id);
  w.text(authorization.account);
  w.text(authorization.name);
  w.boolean(authorization.wildcard);
  w.text(authorization.token);
  w.u8(static_cast<std::uint8_t>(authorization.state));
  w.u8(authorization.answered ? static_cast<std::uint8_t>(*authorization.answered) : 0);
  put_error(w, authorization.error);
  w.u64(authorization.created);
  w.u64(authorization.expires);
  w.u64(authorization.validated);
  return std::move(w).take();
}

Result<Authorization> decode_authorization(ByteView record) {
  CanonicalReader r(record, kAuthorizationType, kRecordVersion);
  Authorization out;
  out.id = r.text(kIdMax);
  out.account = r.text(kIdMax);
  out.name = r.text(kTextMax);
  out.wildcard = r.boolean();
  out.token = r.text(kIdMax);
  const std::uint8_t state = r.u8();
  const std::uint8_t answered = r.u8();
  if (state > static_cast<std::uint8_t>(AuthorizationState::kDeactivated) ||
      answered > static_cast<std::uint8_t>(ChallengeType::kTlsAlpn01)) {
    r.fail();
  }
  out.state = static_cast<AuthorizationState>(state);
  if (answered != 0) {
    out.answered = static_cast<ChallengeType>(answered);
  }
  out.error = get_error(r);
  out.created = r.u64();
  out.expires = r.u64();
  out.validated = r.u64();
  I2_TRY(r.finish());
  return out;
}

Bytes encode(const Order& order) {
  CanonicalWriter w(kOrderType, kRecordVersion);
  w.text(order.id);
  w.text(order.account);
  put_texts(w, order.names);
  put_texts(w, order.authorizations);
  w.text(order.profile);
  w.text(order.replaces);
  w.u64(order.created);
  w.u64(order.expires);
  w.bytes(order.request);
  put_error(w, order.error);
  w.text(order.chain);
  w.fixed(order.leaf);
  w.text(order.certificate);
  w.u64(order.not_after);
  w.boolean(order.replaced);
  return std::move(w).take();
}

Result<Order> decode_order(ByteView record) {
  CanonicalReader r(record, kOrderType, kRecordVersion);
  Order out;
  out.id = r.text(kIdMax);
  out.account = r.text(kIdMax);
  out.names = get_texts(r, kNamesMax);
  out.authorizations = get_texts(r, kNamesMax);
  out.profile = r.text(kTextMax);
  out.replaces = r.text(kTextMax);
  out.created = r.u64();
  out.expires = r.u64();
  out.request = to_bytes(r.bytes(kRequestMax));
  out.error = get_error(r);
  out.chain = r.text(kChainMax);
  out.leaf = r.fixed<32>();
  out.certificate = r.text(kTextMax);
  out.not_after = r.u64();
  out.replaced = r.boolean();
  I2_TRY(r.finish());
  return out;
}

std::optional<RecordKind> kind_of(ByteView record) {
  switch (wire::Reader(record).u16()) {
    case kAccountType:
      return RecordKind::kAccount;
    case kAuthorizationType:
      return RecordKind::kAuthorization;
    case kOrderType:
      return RecordKind::kOrder;
    default:
      return std::nullopt;
  }
}

}  // namespace i2::trustchain::acme
