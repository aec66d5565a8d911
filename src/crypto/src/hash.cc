#include <i2/base/assert.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/secret.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace i2::crypto {
namespace {

// Fetched once: an implicit fetch for every hash costs more than a short hash.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  I2_ASSERT(method != nullptr);
  return method;
}

EVP_MD_CTX* new_context() {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  I2_ASSERT(context != nullptr && EVP_DigestInit_ex(context, sha256_method(), nullptr) == 1);
  return context;
}

Hash256 finish_and_restart(EVP_MD_CTX* context) {
  Hash256 digest;
  I2_ASSERT(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1 &&
            EVP_DigestInit_ex(context, nullptr, nullptr) == 1);
  return digest;
}

}  // namespace

Hash256 sha256(ByteView data) {
  return sha256(std::initializer_list<ByteView>{data});
}

Hash256 sha256(std::initializer_list<ByteView> parts) {
  thread_local Sha256 hash;
  for (const ByteView part : parts) {
    hash.update(part);
  }
  return hash.finish();
}

Sha256::Sha256() : context_(new_context()) {}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
}

Sha256::Sha256(Sha256&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Sha256::update(ByteView data) {
  I2_ASSERT(EVP_DigestUpdate(context_, data.data(), data.size()) == 1);
}

Hash256 Sha256::finish() {
  return finish_and_restart(context_);
}

Hash256 hmac_sha256(ByteView key, ByteView data) {
  // RFC 2104. Over the incremental hash: no fetch and no context per call beyond the two hashes.
  constexpr std::size_t kBlock = 64;
  std::array<std::uint8_t, kBlock> pad{};
  if (key.size() > kBlock) {
    const Hash256 short_key = sha256(key);
    std::ranges::copy(short_key, pad.begin());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  for (std::uint8_t& byte : pad) {
    byte ^= 0x36;
  }
  const Hash256 inner = sha256({pad, data});
  for (std::uint8_t& byte : pad) {
    byte ^= 0x36 ^ 0x5c;
  }
  const Hash256 outer = sha256({pad, inner});
  wipe(pad);
  return outer;
}

Bytes hkdf_sha256(ByteView secret, ByteView salt, ByteView info, std::size_t length) {
  // RFC 5869 §2.3: L <= 255 * HashLen.
  I2_ASSERT(length <= std::size_t{255} * 32);
  Hash256 key = hmac_sha256(salt, secret);  // §2.2: an empty salt is a string of HashLen zeros
  Bytes out;
  out.reserve(length);
  Bytes block;
  block.reserve(32 + info.size() + 1);
  for (std::uint8_t counter = 1; out.size() < length; ++counter) {
    append(block, info);
    block.push_back(counter);
    const Hash256 part = hmac_sha256(key, block);
    append(out, ByteView(part).first(std::min(part.size(), length - out.size())));
    wipe(block);
    block.assign(part.begin(), part.end());
  }
  wipe(block);
  wipe(key);
  return out;
}

bool equal_secret(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void wipe(MutableByteView bytes) {
  if (!bytes.empty()) {
    OPENSSL_cleanse(bytes.data(), bytes.size());
  }
}

}  // namespace i2::crypto
