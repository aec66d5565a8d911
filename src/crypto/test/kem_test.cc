#include <gtest/gtest.h>
#include <i2/crypto/kem.h>
#include <i2/crypto/testing/seeded_random.h>

#include "vectors.h"

namespace i2::crypto {
namespace {

class EveryKem : public ::testing::TestWithParam<KemAlgorithm> {
 protected:
  static std::size_t public_key_size() {
    return GetParam() == KemAlgorithm::kMlKem768 ? 1184 : 1568;
  }
  static std::size_t ciphertext_size() {
    return GetParam() == KemAlgorithm::kMlKem768 ? 1088 : 1568;
  }
};

TEST_P(EveryKem, BothSidesGetTheSameSecret) {
  const KemKey key = KemKey::generate(GetParam()).value();
  EXPECT_EQ(key.public_key().size(), public_key_size());
  const Encapsulation sealed = encapsulate(GetParam(), key.public_key()).value();
  EXPECT_EQ(sealed.ciphertext.size(), ciphertext_size());
  EXPECT_EQ(sealed.shared_secret.size(), 32U);
  const SecretBytes opened = key.decapsulate(sealed.ciphertext).value();
  EXPECT_TRUE(equal(opened.view(), sealed.shared_secret.view()));
}

// FIPS 203 §6.3, implicit rejection: no error, another secret, always the same one.
TEST_P(EveryKem, AnAlteredCiphertextGivesAnUnrelatedSecret) {
  const KemKey key = KemKey::generate(GetParam()).value();
  Encapsulation sealed = encapsulate(GetParam(), key.public_key()).value();
  sealed.ciphertext[17] ^= 1;
  const SecretBytes first = key.decapsulate(sealed.ciphertext).value();
  const SecretBytes second = key.decapsulate(sealed.ciphertext).value();
  EXPECT_FALSE(equal(first.view(), sealed.shared_secret.view()));
  EXPECT_TRUE(equal(first.view(), second.view()));
}

TEST_P(EveryKem, RefusesWrongSizesAndMalformedKeys) {
  const KemKey key = KemKey::generate(GetParam()).value();
  Bytes ciphertext = encapsulate(GetParam(), key.public_key()).value().ciphertext;
  ciphertext.pop_back();
  EXPECT_EQ(key.decapsulate(ciphertext).error().code(), "crypto.kem");
  EXPECT_EQ(key.decapsulate({}).error().code(), "crypto.kem");

  Bytes public_key = key.public_key();
  // FIPS 203 §7.2, modulus check: coefficients of 12 bits must be below q = 3329.
  public_key[0] = 0xff;
  public_key[1] = 0xff;
  EXPECT_EQ(encapsulate(GetParam(), public_key).error().code(), "crypto.key_malformed");
  EXPECT_EQ(encapsulate(GetParam(), {}).error().code(), "crypto.key_malformed");
  public_key.push_back(0);
  EXPECT_EQ(encapsulate(GetParam(), public_key).error().code(), "crypto.key_malformed");
}

INSTANTIATE_TEST_SUITE_P(All, EveryKem,
                         ::testing::Values(KemAlgorithm::kMlKem768, KemAlgorithm::kMlKem1024));

TEST(Kem, SameRandomnessAsNobleMakesTheSameBytes) {
  Bytes seed;
  Bytes public_key;
  Bytes m;
  Bytes ciphertext;
  KemAlgorithm algorithm = KemAlgorithm::kMlKem768;
  int checked = 0;
  for (const auto& [name, value] : read_vectors("ml-kem/noble.rsp")) {
    const Bytes bytes = from_hex(value);
    if (name == "set") {
      algorithm = as_text(bytes) == "768" ? KemAlgorithm::kMlKem768 : KemAlgorithm::kMlKem1024;
    } else if (name == "seed") {
      seed = bytes;
    } else if (name == "pk") {
      public_key = bytes;
    } else if (name == "m") {
      m = bytes;
    } else if (name == "ct") {
      ciphertext = bytes;
    } else if (name == "ss") {
      const testing::SeededRandom random(seed);
      const KemKey key = KemKey::generate(algorithm).value();
      EXPECT_TRUE(equal(key.public_key(), public_key));
      const testing::SeededRandom inner(m);
      const Encapsulation sealed = encapsulate(algorithm, public_key).value();
      EXPECT_TRUE(equal(sealed.ciphertext, ciphertext));
      EXPECT_TRUE(equal(sealed.shared_secret.view(), bytes));
      EXPECT_TRUE(equal(key.decapsulate(ciphertext).value().view(), bytes));
      ++checked;
    }
  }
  EXPECT_EQ(checked, 4);
}

}  // namespace
}  // namespace i2::crypto
