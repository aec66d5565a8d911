// Falcon against other implementations: same randomness, same bytes (vectors/falcon/README.md).
#include <gtest/gtest.h>
#include <i2/crypto/testing/seeded_random.h>
#include <openssl/evp.h>

#include <map>
#include <tuple>

#include "falcon/falcon.h"
#include "vectors.h"

namespace i2::crypto {
namespace {

using testing::SeededRandom;

Bytes concat(ByteView a, ByteView b) {
  Bytes out = to_bytes(a);
  append(out, b);
  return out;
}

struct RawKey {
  std::array<std::uint8_t, falcon::kPublicKeySize> public_key{};
  std::array<std::uint8_t, falcon::kPrivateKeySize> private_key{};
};

RawKey generate_from(FalconArithmetic arithmetic, ByteView seed) {
  const SeededRandom random(seed);
  RawKey key;
  EXPECT_TRUE(falcon::generate(arithmetic, key.public_key, key.private_key));
  EXPECT_EQ(random.drawn(), seed.size());
  return key;
}

Bytes sign_from(FalconArithmetic arithmetic, ByteView private_key, ByteView message,
                ByteView randomness) {
  const SeededRandom random(randomness);
  std::array<std::uint8_t, falcon::kSignatureSizeMax> signature;
  const std::size_t size =
      falcon::sign(arithmetic, private_key.first<falcon::kPrivateKeySize>(), message, signature);
  return {signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(size)};
}

class FalconVectors : public ::testing::TestWithParam<std::tuple<std::string, FalconArithmetic>> {};

TEST_P(FalconVectors, SameRandomnessMakesTheSameKeysAndSignatures) {
  const auto& [file, arithmetic] = GetParam();
  const auto vectors = read_falcon_vectors(file);
  ASSERT_EQ(vectors.size(), 8U);
  for (const FalconVector& vector : vectors) {
    const RawKey key = generate_from(arithmetic, vector.key_seed);
    EXPECT_TRUE(equal(key.public_key, vector.public_key));
    EXPECT_TRUE(equal(key.private_key, vector.private_key));
    EXPECT_EQ(to_hex(sign_from(arithmetic, vector.private_key, vector.message,
                               concat(vector.nonce, vector.seed))),
              to_hex(vector.signature));
  }
}

INSTANTIATE_TEST_SUITE_P(All, FalconVectors,
                         ::testing::Combine(::testing::Values("noble.rsp", "bouncycastle.rsp",
                                                              "i2.rsp"),
                                            ::testing::Values(FalconArithmetic::kConstantTime,
                                                              FalconArithmetic::kNativeDouble)));

TEST(FalconVectors, VerifyThroughThePublicApi) {
  for (const char* file : {"noble.rsp", "bouncycastle.rsp", "i2.rsp"}) {
    for (const FalconVector& vector : read_falcon_vectors(file)) {
      Bytes spki = from_hex("3082070F300706052BCE0F030E0382070200");
      append(spki, vector.public_key);
      const auto key = PublicKey::from_spki(spki);
      ASSERT_TRUE(key) << key.error().to_string();
      EXPECT_TRUE(key->verify(vector.message, vector.signature)) << file;
      EXPECT_FALSE(key->verify(concat(vector.message, as_bytes("x")), vector.signature)) << file;
    }
  }
}

// NIST's known-answer format: a seed for the AES-256-CTR DRBG of the submission kit (SP 800-90A
// §10.2.1 without derivation function), from which keygen and sign draw.
class NistDrbg {
 public:
  explicit NistDrbg(ByteView seed) { update(seed); }

  Bytes draw(std::size_t size) {
    Bytes out;
    while (out.size() < size) {
      append(out, next_block());
    }
    out.resize(size);
    update({});
    return out;
  }

 private:
  std::array<std::uint8_t, 16> next_block() {
    for (std::size_t i = v_.size(); i > 0; --i) {
      if (++v_[i - 1] != 0) {
        break;
      }
    }
    std::array<std::uint8_t, 16> block{};
    int length = 0;
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    EXPECT_EQ(EVP_EncryptInit_ex2(context, EVP_aes_256_ecb(), key_.data(), nullptr, nullptr), 1);
    EVP_CIPHER_CTX_set_padding(context, 0);
    EXPECT_EQ(EVP_EncryptUpdate(context, block.data(), &length, v_.data(), 16), 1);
    EVP_CIPHER_CTX_free(context);
    return block;
  }

  void update(ByteView provided) {
    Bytes state;
    for (int i = 0; i < 3; ++i) {
      append(state, next_block());
    }
    for (std::size_t i = 0; i < provided.size(); ++i) {
      state[i] ^= provided[i];
    }
    std::copy_n(state.begin(), key_.size(), key_.begin());
    std::copy_n(state.begin() + 32, v_.size(), v_.begin());
  }

  std::array<std::uint8_t, 32> key_{};
  std::array<std::uint8_t, 16> v_{};
};

TEST(FalconVectors, NistKnownAnswer) {
  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : read_vectors("falcon/nistkat.rsp")) {
    fields[name] = value;
  }
  for (const FalconArithmetic arithmetic :
       {FalconArithmetic::kConstantTime, FalconArithmetic::kNativeDouble}) {
    NistDrbg drbg(from_hex(fields.at("seed")));
    const RawKey key = generate_from(arithmetic, drbg.draw(48));
    EXPECT_TRUE(equal(key.public_key, from_hex(fields.at("pk"))));
    EXPECT_TRUE(equal(key.private_key, from_hex(fields.at("sk"))));
    const Bytes nonce = drbg.draw(40);
    const Bytes message = from_hex(fields.at("msg"));
    const Bytes signature =
        sign_from(arithmetic, key.private_key, message, concat(nonce, drbg.draw(48)));
    // The attached form: length of what follows the message, nonce, message, 0x2A, compressed s2.
    Bytes attached;
    const std::size_t tail = signature.size() - 40;
    attached.push_back(static_cast<std::uint8_t>(tail >> 8));
    attached.push_back(static_cast<std::uint8_t>(tail));
    append(attached, ByteView(signature).subspan(1, 40));
    append(attached, message);
    attached.push_back(0x2A);
    append(attached, ByteView(signature).subspan(41));
    EXPECT_TRUE(equal(attached, from_hex(fields.at("sm"))));
  }
}

}  // namespace
}  // namespace i2::crypto
