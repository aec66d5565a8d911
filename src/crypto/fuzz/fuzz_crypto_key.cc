// Public and private keys from bytes of a peer or a file. What is accepted must be canonical.
#include <i2/base/assert.h>
#include <i2/crypto/key.h>

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2;
  using namespace i2::crypto;
  const ByteView input(data, size);
  if (const auto key = PublicKey::from_spki(input)) {
    I2_ASSERT(equal(key->spki(), input));
    I2_ASSERT(!key->verify(as_bytes("message"), input));
  }
  if (const auto key = PrivateKey::from_pkcs8(input)) {
    const SecretBytes again = key->pkcs8();
    const auto reread = PrivateKey::from_pkcs8(again.view());
    I2_ASSERT(reread && equal(reread->public_key().spki(), key->public_key().spki()));
    I2_ASSERT(equal(reread->pkcs8().view(), again.view()));
  }
  if (const auto key = PrivateKey::from_pem(as_text(input))) {
    I2_ASSERT(PrivateKey::from_pem(as_text(key->pem().view())).has_value());
  }
  return 0;
}
