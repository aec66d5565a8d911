#include "nonces.h"

#include <i2/crypto/hash.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

namespace i2::trustchain::acme {
namespace {

constexpr std::size_t kNonceMacSize = 16;
constexpr std::size_t kNonceSize = 8 + kNonceMacSize;  // 32 characters

}  // namespace

Nonces::Nonces(Rng& rng) : key_(32), used_(kWindow / 64) {
  rng.fill(key_.mutable_view());
}

std::string Nonces::text_of(std::uint64_t number) const {
  Bytes nonce;
  nonce.reserve(kNonceSize);
  wire::Writer(nonce).u64(number);
  const Hash256 mac = crypto::hmac_sha256(key_.view(), nonce);
  append(nonce, ByteView(mac).first(kNonceMacSize));
  return wire::to_base64url(nonce);
}

std::string Nonces::issue() {
  const std::uint64_t number = next_++;
  word_of(number) &= ~(1ULL << number % 64);
  return text_of(number);
}

bool Nonces::use(std::string_view nonce) {
  const auto bytes =
      nonce.size() == kNonceSize * 4 / 3 ? wire::from_base64url(nonce) : std::nullopt;
  if (!bytes) {
    return false;
  }
  const std::uint64_t number = wire::Reader(*bytes).u64();
  const std::uint64_t bit = 1ULL << number % 64;
  if (number >= next_ || next_ - number > kWindow ||
      !crypto::equal_secret(as_bytes(text_of(number)), as_bytes(nonce)) ||
      (word_of(number) & bit) != 0) {
    return false;
  }
  word_of(number) |= bit;
  return true;
}

}  // namespace i2::trustchain::acme
