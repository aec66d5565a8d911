// JWS, JWK, certificate ids and records under arbitrary bytes: what is read has one form.
#include <i2/base/assert.h>
#include <i2/trustchain/acme/certificate_id.h>
#include <i2/trustchain/acme/jwk.h>
#include <i2/trustchain/acme/jws.h>
#include <i2/trustchain/acme/records.h>

namespace i2::trustchain::acme {
namespace {

void check_jws(std::string_view text, JwsUse use) {
  const auto jws = parse_jws(text, use);
  if (!jws) {
    return;
  }
  I2_ASSERT(!jws->url.empty() || text.contains("protected"));
  I2_ASSERT((use == JwsUse::kExternalAccount) == (jws->algorithm == "HS256"));
  I2_ASSERT(jws->key.has_value() == jws->kid.empty());
  I2_ASSERT(!verify_jws_mac(*jws, Bytes(32, 1)));
  if (jws->key) {
    (void)verify_jws(*jws, *jws->key).has_value();
  }
}

void check_text(std::string_view text) {
  if (const auto key = parse_jwk(text)) {
    I2_ASSERT(jwk_text(parse_jwk(jwk_text(*key)).value()) == jwk_text(*key));
    I2_ASSERT(thumbprint(*key).size() == 43);
  }
  if (const auto id = parse_certificate_id(text)) {
    I2_ASSERT(to_text(*id) == text);
  }
}

template <class T>
void check_record(const Result<T>& value, ByteView input) {
  I2_ASSERT(!value || equal(encode(*value), input));
}

}  // namespace
}  // namespace i2::trustchain::acme

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace acme = i2::trustchain::acme;
  const i2::ByteView input(data, size);
  for (const auto use :
       {acme::JwsUse::kRequest, acme::JwsUse::kKeyChange, acme::JwsUse::kExternalAccount}) {
    acme::check_jws(i2::as_text(input), use);
  }
  acme::check_text(i2::as_text(input));
  acme::check_record(acme::decode_account(input), input);
  acme::check_record(acme::decode_authorization(input), input);
  acme::check_record(acme::decode_order(input), input);
  return 0;
}
