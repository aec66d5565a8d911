// Raw Falcon: encodings, refusals, both arithmetics, wiping.
#include "falcon/falcon.h"

#include <gtest/gtest.h>
#include <i2/crypto/testing/seeded_random.h>

#include <algorithm>
#include <cstring>

#include "falcon/stack.h"
#include "vectors.h"

namespace i2::crypto::falcon {
namespace {

struct RawKey {
  std::array<std::uint8_t, kPublicKeySize> public_key{};
  std::array<std::uint8_t, kPrivateKeySize> private_key{};
};

RawKey make_raw_key(FalconArithmetic arithmetic = FalconArithmetic::kNativeDouble) {
  RawKey key;
  EXPECT_TRUE(generate(arithmetic, key.public_key, key.private_key));
  return key;
}

Bytes sign_bytes(const RawKey& key, ByteView message,
                 FalconArithmetic arithmetic = FalconArithmetic::kNativeDouble) {
  std::array<std::uint8_t, kSignatureSizeMax> signature;
  const std::size_t size = sign(arithmetic, key.private_key, message, signature);
  return {signature.begin(), signature.begin() + static_cast<std::ptrdiff_t>(size)};
}

class Falcon : public ::testing::Test {
 protected:
  const RawKey key_ = make_raw_key();
  const Bytes message_ = to_bytes(as_bytes("message"));
  const Bytes signature_ = sign_bytes(key_, message_);

  [[nodiscard]] bool accepts(ByteView signature) const {
    return verify(key_.public_key, message_, signature);
  }
};

TEST_F(Falcon, SignatureHasHeaderNonceAndVariableLength) {
  EXPECT_TRUE(accepts(signature_));
  EXPECT_EQ(signature_[0], 0x3A);
  EXPECT_GT(signature_.size(), 1200U);
  EXPECT_LE(signature_.size(), kSignatureSizeMax);
  EXPECT_NE(sign_bytes(key_, message_), signature_);
}

TEST_F(Falcon, RefusesEveryTruncation) {
  for (std::size_t size = 0; size < signature_.size(); ++size) {
    EXPECT_FALSE(accepts(ByteView(signature_).first(size))) << size;
  }
}

TEST_F(Falcon, RefusesEveryBitFlip) {
  for (std::size_t bit = 0; bit < signature_.size() * 8; ++bit) {
    Bytes altered = signature_;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    EXPECT_FALSE(accepts(altered)) << bit;
  }
}

TEST_F(Falcon, RefusesOtherHeaders) {
  for (unsigned header = 0; header < 256; ++header) {
    Bytes altered = signature_;
    altered[0] = static_cast<std::uint8_t>(header);
    EXPECT_EQ(accepts(altered), header == 0x3A) << header;
  }
}

TEST_F(Falcon, RefusesTrailingBytesOfAnyLength) {
  Bytes longer = signature_;
  while (longer.size() < kSignatureSizeMax + 10) {
    longer.push_back(0);
    EXPECT_FALSE(accepts(longer)) << longer.size();
  }
}

// The padded form (1280 bytes) is what liboqs calls Falcon-padded: valid there, a second encoding
// here.
TEST_F(Falcon, RefusesThePaddedForm) {
  Bytes padded = signature_;
  ASSERT_LT(padded.size(), 1280U);
  padded.resize(1280);
  EXPECT_FALSE(accepts(padded));
}

TEST_F(Falcon, RefusesAnotherMessageAndAnotherKey) {
  EXPECT_FALSE(verify(key_.public_key, as_bytes("massage"), signature_));
  EXPECT_FALSE(verify(make_raw_key().public_key, message_, signature_));
}

TEST_F(Falcon, RefusesTheZeroSignature) {
  // s2 = 0 with a valid encoding: each coefficient is 0000'0000'1.
  Bytes zero(kSignaturePrefixSize, 0);
  zero[0] = 0x3A;
  std::size_t bits = 0;
  zero.resize(kSignaturePrefixSize + 1024 * 9 / 8);
  for (int i = 0; i < 1024; ++i) {
    bits += 8;
    zero[kSignaturePrefixSize + bits / 8] |= static_cast<std::uint8_t>(0x80U >> bits % 8);
    ++bits;
  }
  EXPECT_FALSE(accepts(zero));
}

TEST_F(Falcon, PublicKeyMustBeWellFormed) {
  EXPECT_TRUE(well_formed(key_.public_key));
  auto header = key_.public_key;
  header[0] = 0x09;
  EXPECT_FALSE(well_formed(header));
  auto coefficient = key_.public_key;
  coefficient[1] = 0xff;  // 14 bits of 1: 16383, not below q = 12289
  coefficient[2] = 0xff;
  EXPECT_FALSE(well_formed(coefficient));
  EXPECT_FALSE(verify(coefficient, message_, signature_));
}

TEST_F(Falcon, PrivateKeyMustBelongToThePublicKey) {
  EXPECT_TRUE(is_pair(key_.private_key, key_.public_key));
  EXPECT_FALSE(is_pair(key_.private_key, make_raw_key().public_key));
  for (const std::size_t byte : {0UL, 1UL, 700UL, 1280UL}) {  // header, f, g
    auto altered = key_.private_key;
    altered[byte] ^= 0x10;
    EXPECT_FALSE(is_pair(altered, key_.public_key)) << byte;
  }
  auto header = key_.private_key;
  header[0] = 0x59;
  std::array<std::uint8_t, kSignatureSizeMax> signature;
  EXPECT_EQ(sign(FalconArithmetic::kConstantTime, header, message_, signature), 0U);
}

// The promise of key.h: the arithmetic changes the speed and nothing else.
TEST(FalconArithmetics, MakeTheSameBytes) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    RawKey keys[2];
    Bytes signatures[2];
    for (const int native : {0, 1}) {
      const testing::SeededRandom random(seed);
      const auto arithmetic =
          native == 1 ? FalconArithmetic::kNativeDouble : FalconArithmetic::kConstantTime;
      keys[native] = make_raw_key(arithmetic);
      for (int i = 0; i < 12; ++i) {
        append(signatures[native], sign_bytes(keys[native], as_bytes("x"), arithmetic));
      }
    }
    EXPECT_EQ(keys[0].public_key, keys[1].public_key) << seed;
    EXPECT_EQ(keys[0].private_key, keys[1].private_key) << seed;
    EXPECT_EQ(signatures[0], signatures[1]) << seed;
  }
}

#if !defined(I2_SANITIZED)

// Whether `pattern` lies somewhere in the dead stack below this call.
[[gnu::noinline]] bool dead_stack_contains(ByteView pattern) {
  std::uint8_t region[kWipedStackSize + 64 * 1024];
  std::uint8_t* start = region;
  asm volatile("" : "+r"(start) : : "memory");  // what it holds is not the compiler's business
  const ByteView area(start, sizeof region);
  return !std::ranges::search(area, pattern).empty();
}

[[gnu::noinline]] void put_on_stack(ByteView pattern, std::size_t depth) {
  auto* frame = static_cast<std::uint8_t*>(__builtin_alloca(depth));
  asm volatile("" : "+r"(frame) : : "memory");
  std::memcpy(frame, pattern.data(), pattern.size());
  asm volatile("" : : "r"(frame) : "memory");
}

// A stretch of f as signing unpacks it, one coefficient a byte.
Bytes secret_stretch(const RawKey& key) {
  Bytes f;
  std::uint32_t bits = 0;
  int available = 0;
  for (std::size_t at = 1; f.size() < 64; ++at) {  // 5 bits each, two's complement
    bits = bits << 8 | key.private_key[at];
    available += 8;
    while (available >= 5) {
      available -= 5;
      const auto value = static_cast<std::uint8_t>(bits >> available & 31U);
      f.push_back(value >= 16 ? static_cast<std::uint8_t>(value | 0xE0) : value);
    }
  }
  f.resize(64);
  return f;
}

TEST(StackWiping, TheProbeFindsWhatIsThere) {
  const Bytes pattern = to_bytes(as_bytes("a pattern that is on the stack only once, really"));
  for (const std::size_t depth : {1'000UL, 50'000UL, 100'000UL}) {
    put_on_stack(pattern, depth);
    EXPECT_TRUE(dead_stack_contains(pattern)) << depth;
    wipe_stack_below();
    EXPECT_FALSE(dead_stack_contains(pattern)) << depth;
  }
}

TEST(StackWiping, SigningAndGenerationLeaveNoPrivatePolynomial) {
  for (const auto arithmetic : {FalconArithmetic::kConstantTime, FalconArithmetic::kNativeDouble}) {
    const RawKey key = make_raw_key(arithmetic);
    const Bytes stretch = secret_stretch(key);
    EXPECT_FALSE(dead_stack_contains(stretch));
    std::array<std::uint8_t, kSignatureSizeMax> signature;
    ASSERT_GT(sign(arithmetic, key.private_key, as_bytes("m"), signature), 0U);
    EXPECT_FALSE(dead_stack_contains(stretch));
    ASSERT_TRUE(is_pair(key.private_key, key.public_key));
    EXPECT_FALSE(dead_stack_contains(stretch));
  }
}

constexpr std::size_t kPainted = 256 * 1024;

[[gnu::noinline]] void paint_dead_stack() {
  std::uint8_t region[kPainted];
  std::uint8_t* start = region;
  asm volatile("" : "+r"(start) : : "memory");
  std::memset(start, 0xA5, sizeof region);
  asm volatile("" : : "r"(start) : "memory");
}

// How far below this call the paint has been touched.
[[gnu::noinline]] std::size_t touched_stack() {
  std::uint8_t region[kPainted];
  std::uint8_t* start = region;
  asm volatile("" : "+r"(start) : : "memory");
  std::size_t clean = 0;
  while (clean < sizeof region && start[clean] == 0xA5) {
    ++clean;
  }
  return sizeof region - clean;
}

extern "C" int PQCLEAN_FALCON1024_CLEAN_crypto_sign_signature(std::uint8_t*, std::size_t*,
                                                              const std::uint8_t*, std::size_t,
                                                              const std::uint8_t*);

extern "C" int PQCLEAN_FALCON1024_CLEAN_crypto_sign_keypair(std::uint8_t*, std::uint8_t*);

TEST(StackWiping, WithoutItSigningLeavesThePrivatePolynomial) {
  const RawKey key = make_raw_key();
  const Bytes stretch = secret_stretch(key);
  std::array<std::uint8_t, kSignatureSizeMax> signature;
  std::size_t size = 0;
  PQCLEAN_FALCON1024_CLEAN_crypto_sign_signature(signature.data(), &size, nullptr, 0,
                                                 key.private_key.data());
  EXPECT_TRUE(dead_stack_contains(stretch));
  wipe_stack_below();
}

TEST(StackWiping, TheWipedRegionCoversWhatFalconUses) {
  const RawKey key = make_raw_key();
  std::array<std::uint8_t, kSignatureSizeMax> signature;
  std::size_t size = 0;
  constexpr std::size_t kFramesBetween = 4 * 1024;
  paint_dead_stack();
  PQCLEAN_FALCON1024_CLEAN_crypto_sign_signature(signature.data(), &size, nullptr, 0,
                                                 key.private_key.data());
  const std::size_t signing = touched_stack();
  EXPECT_GT(signing, 72U * 1024);
  EXPECT_LT(signing + kFramesBetween, kWipedStackSize);
  RawKey other;
  paint_dead_stack();
  PQCLEAN_FALCON1024_CLEAN_crypto_sign_keypair(other.public_key.data(), other.private_key.data());
  const std::size_t generation = touched_stack();
  EXPECT_GT(generation, 24U * 1024);
  EXPECT_LT(generation + kFramesBetween, kWipedStackSize);
}

#endif

}  // namespace
}  // namespace i2::crypto::falcon
