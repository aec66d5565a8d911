#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/key.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "native.h"
#include "vectors.h"

namespace i2::crypto {
namespace {

class EveryAlgorithm : public ::testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(EveryAlgorithm, SignsAndVerifies) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const PublicKey& public_key = key.public_key();
  EXPECT_EQ(key.algorithm(), GetParam());
  for (const std::size_t size : {0U, 1U, 100'000U}) {
    const Bytes message(size, 0x61);
    const Bytes signature = key.sign(message).value();
    EXPECT_LE(signature.size(), info(GetParam()).signature_size_max);
    EXPECT_TRUE(public_key.verify(message, signature));
    Bytes other = message;
    other.push_back(0);
    EXPECT_FALSE(public_key.verify(other, signature));
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(public_key.verify(message, longer));
    EXPECT_FALSE(public_key.verify(message, ByteView(signature).first(signature.size() - 1)));
    EXPECT_FALSE(public_key.verify(message, {}));
    EXPECT_FALSE(PrivateKey::generate(GetParam()).value().public_key().verify(message, signature));
  }
}

TEST_P(EveryAlgorithm, RoundTripsThroughSpkiPkcs8AndPem) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Bytes spki = key.public_key().spki();
  const PublicKey public_key = PublicKey::from_spki(spki).value();
  EXPECT_EQ(public_key.algorithm(), GetParam());
  EXPECT_EQ(public_key.spki(), spki);
  EXPECT_EQ(public_key.spki_sha256(), sha256(spki));

  const SecretBytes der = key.pkcs8();
  const PrivateKey from_der = PrivateKey::from_pkcs8(der.view()).value();
  EXPECT_EQ(from_der.public_key().spki(), spki);
  EXPECT_TRUE(equal(from_der.pkcs8().view(), der.view()));
  const SecretBytes pem = key.pem();
  const PrivateKey from_pem = PrivateKey::from_pem(as_text(pem.view())).value();
  EXPECT_TRUE(public_key.verify(as_bytes("x"), from_pem.sign(as_bytes("x")).value()));
}

TEST_P(EveryAlgorithm, TheTableTellsTheTruth) {
  const SignatureAlgorithmInfo& entry = info(GetParam());
  EXPECT_EQ(entry.id, GetParam());
  EXPECT_EQ(signature_algorithm(entry.name), GetParam());
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  const Bytes spki = key.public_key().spki();
  X509_PUBKEY* parsed = nullptr;
  ASSERT_EQ(X509_PUBKEY_set(&parsed, key.native()), 1);
  ASN1_OBJECT* oid = nullptr;
  const unsigned char* raw = nullptr;
  int raw_size = 0;
  ASSERT_EQ(X509_PUBKEY_get0_param(&oid, &raw, &raw_size, nullptr, parsed), 1);
  char text[64];
  OBJ_obj2txt(text, sizeof text, oid, 1);
  EXPECT_EQ(text, entry.oid);
  EXPECT_EQ(static_cast<std::size_t>(raw_size), entry.public_key_size);
  EXPECT_EQ(static_cast<std::size_t>(EVP_PKEY_get_size(key.native())), entry.signature_size_max);
  X509_PUBKEY_free(parsed);
}

TEST_P(EveryAlgorithm, RefusesTruncatedAndExtendedKeys) {
  const PrivateKey key = PrivateKey::generate(GetParam()).value();
  Bytes spki = key.public_key().spki();
  Bytes pkcs8 = to_bytes(key.pkcs8().view());
  for (std::size_t size = 0; size < spki.size(); size += 1 + size / 16) {
    EXPECT_EQ(PublicKey::from_spki(ByteView(spki).first(size)).error().code(),
              "crypto.key_malformed");
  }
  for (std::size_t size = 0; size < pkcs8.size(); size += 1 + size / 16) {
    EXPECT_EQ(PrivateKey::from_pkcs8(ByteView(pkcs8).first(size)).error().code(),
              "crypto.key_malformed");
  }
  spki.push_back(0);
  EXPECT_EQ(PublicKey::from_spki(spki).error().code(), "crypto.key_malformed");
  pkcs8.push_back(0);
  EXPECT_EQ(PrivateKey::from_pkcs8(pkcs8).error().code(), "crypto.key_malformed");
}

INSTANTIATE_TEST_SUITE_P(All, EveryAlgorithm,
                         ::testing::Values(SignatureAlgorithm::kFalcon1024,
                                           SignatureAlgorithm::kEd25519,
                                           SignatureAlgorithm::kEcdsaP256,
                                           SignatureAlgorithm::kMlDsa44));

// SEC 1 §3.2.1: what OpenSSL's parser takes all the same.
TEST(Keys, P256ScalarsAndPointsThatAreNotAPairAreRefused) {
  const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  const SecretBytes good = key.pkcs8();
  constexpr std::size_t kScalarAt = 36;
  const auto with_scalar = [&good](std::uint8_t fill) {
    Bytes out = to_bytes(good.view());
    std::fill_n(out.begin() + kScalarAt, 32, fill);
    return PrivateKey::from_pkcs8(out);
  };
  EXPECT_TRUE(PrivateKey::from_pkcs8(good.view()));
  EXPECT_FALSE(with_scalar(0x00));  // zero
  EXPECT_FALSE(with_scalar(0xff));  // not below the order
  EXPECT_FALSE(with_scalar(0x11));  // of another point
}

TEST(Algorithms, UnknownNamesAreUnknown) {
  EXPECT_EQ(signature_algorithms().size(), 6U);
  EXPECT_EQ(signature_algorithm("falcon512"), std::nullopt);
  EXPECT_EQ(signature_algorithm(""), std::nullopt);
}

// RFC 8032 §7.1, tests 1 to 3.
TEST(Ed25519, Rfc8032) {
  struct Case {
    const char *seed, *public_key, *message, *signature;
  };
  const Case cases[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
       "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
       "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
       "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const Case& c : cases) {
    const PrivateKey key = PrivateKey::from_ed25519_seed(from_hex(c.seed)).value();
    // RFC 8410 §4: 302a300506032b6570032100 and the raw key.
    EXPECT_EQ(to_hex(key.public_key().spki()),
              std::string("302a300506032b6570032100") + c.public_key);
    EXPECT_EQ(to_hex(key.sign(from_hex(c.message)).value()), c.signature);
    EXPECT_TRUE(key.public_key().verify(from_hex(c.message), from_hex(c.signature)));
  }
  EXPECT_EQ(PrivateKey::from_ed25519_seed(Bytes(31)).error().code(), "crypto.key_malformed");
}

// One signature has one encoding, and a key that signs anything is no key.
TEST(Ed25519, OnlyCanonicalSignaturesOfRealKeysVerify) {
  const PrivateKey key = PrivateKey::from_ed25519_seed(Bytes(32, 7)).value();
  const Bytes message = {1, 2, 3};
  const Bytes good = key.sign(message).value();
  ASSERT_TRUE(key.public_key().verify(message, good));
  for (const std::size_t at : {0UZ, 31UZ, 32UZ, 63UZ}) {
    Bytes other = good;
    other[at] ^= 1;
    EXPECT_FALSE(key.public_key().verify(message, other)) << at;
  }
  EXPECT_FALSE(key.public_key().verify(message, ByteView(good).first(63)));
  EXPECT_FALSE(key.public_key().verify({}, good));
  // RFC 8032 §5.1.7: S is less than the group's order, L; S + L verifies where that is forgotten.
  const Bytes order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes added = good;
  unsigned carry = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    carry += added[32 + i] + order[i];
    added[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(key.public_key().verify(message, added));
  // The neutral element as key and R, S = 0: valid for every message by the bare equation.
  const PublicKey neutral = PublicKey::from_spki(from_hex("302a300506032b6570032100"
                                                          "01000000000000000000000000000000"
                                                          "00000000000000000000000000000000"))
                                .value();
  Bytes forged(64, 0);
  forged[0] = 1;
  EXPECT_FALSE(neutral.verify(message, forged));
}

// RFC 8410 §10.3: the same private key in both versions of PKCS#8.
TEST(Ed25519, Rfc8410Containers) {
  const auto first = PrivateKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(to_hex(first->public_key().spki()),
            "302a300506032b6570032100"
            "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
  const auto second = PrivateKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
      "Z9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_TRUE(equal(second->pkcs8().view(), first->pkcs8().view()));
}

// RFC 6979 appendix A.2.5: the P-256 example key and its signature over "sample" with SHA-256.
TEST(EcdsaP256, VerifiesTheSignatureOfRfc6979) {
  const auto key = PublicKey::from_spki(
      from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"
               "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  ASSERT_TRUE(key) << key.error().to_string();
  const Bytes signature = from_hex(
      "3046"
      "022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_TRUE(key->verify(as_bytes("sample"), signature));
  EXPECT_FALSE(key->verify(as_bytes("samples"), signature));
}

TEST(EcdsaP256, ThePointMustBeUncompressed) {
  // The key of RFC 6979 again, in the compressed form: another SPKI, hence another hash, for one
  // key.
  const auto compressed = PublicKey::from_spki(
      from_hex("3039301306072a8648ce3d020106082a8648ce3d03010703220003"
               "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"));
  ASSERT_FALSE(compressed);
  EXPECT_EQ(compressed.error().code(), "crypto.key_malformed");
  // And in the hybrid form, which OpenSSL reads and writes again as it was.
  const auto hybrid = PublicKey::from_spki(
      from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420007"
               "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
               "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  ASSERT_FALSE(hybrid);
  EXPECT_EQ(hybrid.error().code(), "crypto.key_malformed");
}

TEST(Keys, OtherAlgorithmsAreNamedInTheError) {
  for (const auto& [type, group] : {std::pair{"X25519", ""}, {"EC", "P-521"}, {"RSA", ""}}) {
    EVP_PKEY* raw = *group != '\0' ? EVP_PKEY_Q_keygen(nullptr, nullptr, type, group)
                    : std::string_view(type) == "RSA"
                        ? EVP_PKEY_Q_keygen(nullptr, nullptr, type, std::size_t{1024})
                        : EVP_PKEY_Q_keygen(nullptr, nullptr, type);
    const NativePointer<EVP_PKEY, EVP_PKEY_free> key(raw);
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    const CharsPointer owner(der);
    const auto read = PublicKey::from_spki({der, static_cast<std::size_t>(size)});
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), "crypto.algorithm_unknown");
    EXPECT_NE(read.error().message().find(type), std::string::npos) << read.error().message();
  }
}

TEST(Keys, BareKeysMakeTheSameKey) {
  for (const auto algorithm : {SignatureAlgorithm::kFalcon1024, SignatureAlgorithm::kEd25519,
                               SignatureAlgorithm::kMlDsa44}) {
    const PublicKey key = PrivateKey::generate(algorithm).value().public_key();
    Bytes raw = key.raw();
    EXPECT_EQ(raw.size(), info(algorithm).public_key_size);
    EXPECT_EQ(PublicKey::from_raw(algorithm, raw).value().spki(), key.spki());
    raw.push_back(0);
    EXPECT_EQ(PublicKey::from_raw(algorithm, raw).error().code(), "crypto.key_malformed");
    raw.resize(raw.size() - 2);
    EXPECT_EQ(PublicKey::from_raw(algorithm, raw).error().code(), "crypto.key_malformed");
  }
  // SEC 1 §2.3.3.
  const PrivateKey p256 = PrivateKey::generate(SignatureAlgorithm::kEcdsaP256).value();
  EXPECT_EQ(p256.public_key().raw().size(), 65U);
  EXPECT_EQ(p256.public_key().raw()[0], 0x04);
}

// The forms of RFC 9881 §6: with the seed, in whichever form, a key is read and written as the
// seed alone; without it, it is refused.
TEST(MlDsa44, KeysHaveTheirSeed) {
  const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kMlDsa44).value();
  const SecretBytes good = key.pkcs8();
  ASSERT_EQ(good.view().size(), 54U);
  Bytes expanded(2560);
  std::size_t size = 0;
  ASSERT_EQ(EVP_PKEY_get_octet_string_param(key.native(), "priv", expanded.data(), expanded.size(),
                                            &size),
            1);
  ASSERT_EQ(size, expanded.size());
  const ByteView seed = good.view().last(32);
  Bytes both = from_hex("30820a3e020100300b060960864801650304031104820a2a30820a260420");
  append(both, seed);
  append(both, from_hex("04820a00"));
  append(both, expanded);
  const auto read = PrivateKey::from_pkcs8(both);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_TRUE(equal(read->pkcs8().view(), good.view()));
  Bytes bare = from_hex("30820a18020100300b060960864801650304031104820a0404820a00");
  append(bare, expanded);
  EXPECT_EQ(PrivateKey::from_pkcs8(bare).error().code(), "crypto.key_malformed");
}

TEST(Keys, PemMustHoldOnePlainPrivateKey) {
  const PrivateKey key = PrivateKey::generate(SignatureAlgorithm::kEd25519).value();
  std::string pem(as_text(key.pem().view()));
  EXPECT_TRUE(PrivateKey::from_pem("text before\n" + pem + "text after\n"));
  for (const std::string& bad : {std::string(), std::string("-----BEGIN PRIVATE KEY-----\n"),
                                 pem.substr(0, pem.size() / 2), std::string(100'000, 'x')}) {
    EXPECT_EQ(PrivateKey::from_pem(bad).error().code(), "crypto.key_malformed");
  }
  for (std::size_t at = 0; (at = pem.find("PRIVATE", at)) != std::string::npos;) {
    pem.replace(at, 7, "PUBLIC");
  }
  EXPECT_EQ(PrivateKey::from_pem(pem).error().code(), "crypto.key_malformed");
}

TEST(Keys, AFalconKeyWithTheWrongPublicHalfIsRefused) {
  const Bytes mine =
      to_bytes(PrivateKey::generate(SignatureAlgorithm::kFalcon1024).value().pkcs8().view());
  const Bytes other =
      to_bytes(PrivateKey::generate(SignatureAlgorithm::kFalcon1024).value().pkcs8().view());
  constexpr std::ptrdiff_t kPublicOffset = 24 + 2305;
  Bytes mixed(mine.begin(), mine.begin() + kPublicOffset);
  mixed.insert(mixed.end(), other.begin() + kPublicOffset, other.end());
  EXPECT_EQ(PrivateKey::from_pkcs8(mixed).error().code(), "crypto.key_malformed");
}

TEST(Keys, EmptyKeysAreFalseAndVerifyNothing) {
  EXPECT_FALSE(PublicKey());
  EXPECT_FALSE(PrivateKey());
  EXPECT_FALSE(PublicKey().verify(as_bytes("m"), as_bytes("s")));
}

}  // namespace
}  // namespace i2::crypto
