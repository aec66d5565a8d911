#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/secret.h>

#include "vectors.h"

namespace i2::crypto {
namespace {

// NIST, "Cryptographic Standards and Guidelines: Examples with Intermediate Values", SHA-256, and
// the long message of FIPS 180-2 appendix B.3.
TEST(Sha256, NistExamples) {
  EXPECT_EQ(to_hex(sha256(as_bytes(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  Sha256 hash;
  const Bytes block(1000, 'a');
  for (int i = 0; i < 1000; ++i) {
    hash.update(block);
  }
  EXPECT_EQ(to_hex(hash.finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PartsAreConcatenated) {
  EXPECT_EQ(sha256({as_bytes("a"), as_bytes(""), as_bytes("bc")}), sha256(as_bytes("abc")));
  EXPECT_EQ(sha256({}), sha256(ByteView{}));
}

TEST(Sha256, RestartsAfterFinishAndMoves) {
  Sha256 hash;
  hash.update(as_bytes("xyz"));
  Sha256 moved = std::move(hash);
  EXPECT_EQ(moved.finish(), sha256(as_bytes("xyz")));
  moved.update(as_bytes("abc"));
  Sha256 other;
  other.update(as_bytes("other"));
  other = std::move(moved);
  EXPECT_EQ(other.finish(), sha256(as_bytes("abc")));
}

struct HmacCase {
  std::string key, data, mac;
};

// RFC 4231 §4.2-4.4, 4.5, 4.7, 4.8 (4.6 truncates).
TEST(Hmac, Rfc4231) {
  const std::string long_key(131 * 2, 'a');
  const HmacCase cases[] = {
      {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       "dddddddddddddddddddddddddddddddddddddddddddddddddd"
       "dddddddddddddddddddddddddddddddddddddddddddddddddd",
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {"0102030405060708090a0b0c0d0e0f10111213141516171819",
       "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
       "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {long_key,
       "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
       "65204b6579202d2048617368204b6579204669727374",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {long_key,
       "5468697320697320612074657374207573696e672061206c6172676572207468"
       "616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
       "68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
       "647320746f20626520686173686564206265666f7265206265696e6720757365"
       "642062792074686520484d414320616c676f726974686d2e",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const HmacCase& c : cases) {
    EXPECT_EQ(to_hex(hmac_sha256(from_hex(c.key), from_hex(c.data))), c.mac);
  }
}

// RFC 5869 appendix A.1 to A.3.
TEST(Hkdf, Rfc5869) {
  const Bytes ikm(22, 0x0b);
  EXPECT_EQ(to_hex(hkdf_sha256(ikm, from_hex("000102030405060708090a0b0c"),
                               from_hex("f0f1f2f3f4f5f6f7f8f9"), 42)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  Bytes a2[3];
  for (unsigned i = 0; i < 80; ++i) {
    a2[0].push_back(static_cast<std::uint8_t>(i));
    a2[1].push_back(static_cast<std::uint8_t>(0x60 + i));
    a2[2].push_back(static_cast<std::uint8_t>(0xb0 + i));
  }
  EXPECT_EQ(to_hex(hkdf_sha256(a2[0], a2[1], a2[2], 82)),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(to_hex(hkdf_sha256(ikm, {}, {}, 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  EXPECT_TRUE(hkdf_sha256(ikm, {}, {}, 0).empty());
  EXPECT_EQ(hkdf_sha256(ikm, {}, {}, 255 * 32).size(), 255U * 32);
}

TEST(EqualSecret, ComparesContentsAndLength) {
  EXPECT_TRUE(equal_secret(as_bytes("same"), as_bytes("same")));
  EXPECT_TRUE(equal_secret({}, {}));
  EXPECT_FALSE(equal_secret(as_bytes("same"), as_bytes("sane")));
  EXPECT_FALSE(equal_secret(as_bytes("same"), as_bytes("samey")));
}

TEST(SecretBytes, WipesAndMoves) {
  Bytes bytes{1, 2, 3};
  wipe(bytes);
  EXPECT_EQ(bytes, (Bytes{0, 0, 0}));
  SecretBytes secret(Bytes{4, 5});
  SecretBytes moved = std::move(secret);
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the contract
  EXPECT_TRUE(equal(moved.view(), Bytes{4, 5}));
  moved = SecretBytes(Bytes{6});
  EXPECT_TRUE(equal(moved.view(), Bytes{6}));
}

}  // namespace
}  // namespace i2::crypto
