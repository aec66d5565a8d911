#include <gtest/gtest.h>
#include <i2/crypto/hash.h>
#include <i2/crypto/random.h>
#include <i2/crypto/testing/seeded_random.h>

#include "tls_pair.h"

namespace i2::crypto {
namespace {

using testing::SeededRandom;
using testing::SeededRng;

Bytes draw(std::size_t size) {
  Bytes out(size);
  random_bytes(out);
  return out;
}

// First outputs of SplitMix64 from seed 1234567 (Rosetta Code, "Pseudo-random numbers/Splitmix64").
TEST(SeededRng, IsSplitMix64) {
  SeededRng rng(1234567);
  Bytes out(16);
  rng.fill(out);
  Bytes expected;
  for (const std::uint64_t word : {6457827717110365317ULL, 3203168211198807973ULL}) {
    for (unsigned byte = 0; byte < 8; ++byte) {
      expected.push_back(static_cast<std::uint8_t>(word >> 8 * byte));
    }
  }
  EXPECT_EQ(out, expected);
}

TEST(SeededRandom, TakesTheGeneratorOverAndGivesItBack) {
  Bytes first;
  {
    const SeededRandom random(7);
    first = draw(100);
    EXPECT_EQ(random.drawn(), 100U);
  }
  EXPECT_NE(draw(100), first);
  const SeededRandom random(7);
  EXPECT_EQ(draw(100), first);
  {
    const SeededRandom inner(7);
    EXPECT_EQ(draw(100), first);
  }
  EXPECT_NE(draw(100), first);
  EXPECT_EQ(random.drawn(), 200U);
}

TEST(SeededRandom, TheSplitOfRequestsDoesNotMatter) {
  Bytes whole;
  {
    const SeededRandom random(8);
    whole = draw(24);
  }
  const SeededRandom random(8);
  Bytes parts = draw(3);
  append(parts, draw(21));
  EXPECT_EQ(parts, whole);
}

class SeededKeys : public ::testing::TestWithParam<SignatureAlgorithm> {};

TEST_P(SeededKeys, SameSeedSameKeyAndSignature) {
  const auto run = [](std::uint64_t seed) {
    const SeededRandom random(seed);
    const PrivateKey key = PrivateKey::generate(GetParam()).value();
    Bytes out = to_bytes(key.pkcs8().view());
    append(out, key.sign(as_bytes("m")).value());
    return out;
  };
  const Bytes first = run(1);
  EXPECT_EQ(run(1), first);
  EXPECT_NE(run(2), first);
}

INSTANTIATE_TEST_SUITE_P(All, SeededKeys,
                         ::testing::Values(SignatureAlgorithm::kFalcon1024,
                                           SignatureAlgorithm::kEd25519,
                                           SignatureAlgorithm::kEcdsaP256));

// Keys, certificates and a mutual handshake: everything that goes over the wire.
Bytes handshake_transcript(std::uint64_t seed) {
  const SeededRandom random(seed);
  const auto new_key = [] {
    return PrivateKey::generate(SignatureAlgorithm::kFalcon1024, FalconArithmetic::kNativeDouble)
        .value();
  };
  const PrivateKey ca_key = new_key();
  const Certificate ca = make_test_ca(ca_key);
  const PrivateKey key = new_key();
  const Certificate leaf = make_test_leaf(key.public_key(), ca, ca_key);
  SslContext contexts[2];
  for (SslContext& context : contexts) {
    context = make_context(&ca);
    EXPECT_TRUE(use_identity(context.get(), leaf, key));
    EXPECT_EQ(SSL_CTX_set1_sigalgs_list(context.get(), "falcon1024"), 1);
    // Stateful tickets: a stateless one would carry the time of day.
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context.get(), 2);
    static constexpr std::uint8_t kId[] = {1};
    SSL_CTX_set_session_id_context(context.get(), kId, sizeof kId);
  }
  TlsPair pair(contexts[0].get(), contexts[1].get());
  EXPECT_TRUE(pair.handshake());
  Bytes transcript = pair.from_client();
  append(transcript, pair.from_server());
  return transcript;
}

TEST(SeededRandom, SameSeedSameHandshake) {
  const Bytes first = handshake_transcript(42);
  EXPECT_GT(first.size(), 12'000U);  // two Falcon certificates and signatures, ML-KEM
  EXPECT_EQ(to_hex(sha256(handshake_transcript(42))), to_hex(sha256(first)));
  EXPECT_NE(handshake_transcript(43), first);
}

}  // namespace
}  // namespace i2::crypto
