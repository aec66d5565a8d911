#include "falcon/falcon.h"

#include <i2/crypto/secret.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "falcon/stack.h"

// The parts of pqclean's api.h and inner.h that are used here; those headers are not written for
// C++.
extern "C" {
int PQCLEAN_FALCON1024_CLEAN_crypto_sign_keypair(std::uint8_t* pk, std::uint8_t* sk);
int PQCLEAN_FALCON1024_CLEAN_crypto_sign_signature(std::uint8_t* sig, std::size_t* siglen,
                                                   const std::uint8_t* m, std::size_t mlen,
                                                   const std::uint8_t* sk);
int PQCLEAN_FALCON1024_CLEAN_crypto_sign_verify(const std::uint8_t* sig, std::size_t siglen,
                                                const std::uint8_t* m, std::size_t mlen,
                                                const std::uint8_t* pk);
std::size_t PQCLEAN_FALCON1024_CLEAN_comp_decode(std::int16_t* x, unsigned logn, const void* in,
                                                 std::size_t max_in_len);
std::size_t PQCLEAN_FALCON1024_CLEAN_modq_decode(std::uint16_t* x, unsigned logn, const void* in,
                                                 std::size_t max_in_len);
std::size_t PQCLEAN_FALCON1024_CLEAN_trim_i8_decode(std::int8_t* x, unsigned logn, unsigned bits,
                                                    const void* in, std::size_t max_in_len);
int PQCLEAN_FALCON1024_CLEAN_compute_public(std::uint16_t* h, const std::int8_t* f,
                                            const std::int8_t* g, unsigned logn, std::uint8_t* tmp);
int PQCLEAN_FALCON1024_CLEAN_complete_private(std::int8_t* G, const std::int8_t* f,
                                              const std::int8_t* g, const std::int8_t* F,
                                              unsigned logn, std::uint8_t* tmp);
extern const std::uint8_t PQCLEAN_FALCON1024_CLEAN_max_fg_bits[];
extern const std::uint8_t PQCLEAN_FALCON1024_CLEAN_max_FG_bits[];

#if I2_FALCON_NATIVE_DOUBLE
int I2_FALCON1024_NATIVE_crypto_sign_keypair(std::uint8_t* pk, std::uint8_t* sk);
int I2_FALCON1024_NATIVE_crypto_sign_signature(std::uint8_t* sig, std::size_t* siglen,
                                               const std::uint8_t* m, std::size_t mlen,
                                               const std::uint8_t* sk);
#endif

// Called by pqclean, which ignores the result: going on without randomness would reveal the key.
int PQCLEAN_randombytes(std::uint8_t* output, std::size_t n) {
  if (n > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      RAND_priv_bytes(output, static_cast<int>(n)) != 1) {
    std::fprintf(stderr, "the random number generator failed; stopping\n");
    std::abort();
  }
  return 0;
}

void i2_pqclean_free_wiped(void* block) {
  if (block != nullptr) {
    OPENSSL_cleanse(block, malloc_usable_size(block));
    std::free(block);  // NOLINT(cppcoreguidelines-no-malloc): C code allocated it
  }
}
}  // extern "C"

namespace i2::crypto::falcon {
namespace {

constexpr unsigned kLogN = 10;
constexpr std::size_t kN = 1024;
constexpr std::uint8_t kPublicKeyHeader = 0x00 + kLogN;
constexpr std::uint8_t kPrivateKeyHeader = 0x50 + kLogN;
constexpr std::uint8_t kSignatureHeader = 0x30 + kLogN;

using KeypairFunction = int (*)(std::uint8_t*, std::uint8_t*);
using SignFunction = int (*)(std::uint8_t*, std::size_t*, const std::uint8_t*, std::size_t,
                             const std::uint8_t*);

KeypairFunction keypair_function([[maybe_unused]] FalconArithmetic arithmetic) {
#if I2_FALCON_NATIVE_DOUBLE
  if (arithmetic == FalconArithmetic::kNativeDouble) {
    return I2_FALCON1024_NATIVE_crypto_sign_keypair;
  }
#endif
  return PQCLEAN_FALCON1024_CLEAN_crypto_sign_keypair;
}

SignFunction sign_function([[maybe_unused]] FalconArithmetic arithmetic) {
#if I2_FALCON_NATIVE_DOUBLE
  if (arithmetic == FalconArithmetic::kNativeDouble) {
    return I2_FALCON1024_NATIVE_crypto_sign_signature;
  }
#endif
  return PQCLEAN_FALCON1024_CLEAN_crypto_sign_signature;
}

// The secret polynomials of a private key and room to check them; wiped by its owner.
struct Unpacked {
  std::array<std::int8_t, kN> f, g, big_f, big_g;
  std::array<std::uint16_t, kN> h;
  alignas(8) std::array<std::uint8_t, 4 * kN> scratch;
};

bool unpack(Unpacked& out, PrivateKeyView key) {
  if (key[0] != kPrivateKeyHeader) {
    return false;
  }
  std::size_t at = 1;
  const auto take = [&](std::array<std::int8_t, kN>& polynomial, const std::uint8_t* bits) {
    const std::size_t used = PQCLEAN_FALCON1024_CLEAN_trim_i8_decode(
        polynomial.data(), kLogN, bits[kLogN], key.data() + at, key.size() - at);
    at += used;
    return used != 0;
  };
  return take(out.f, PQCLEAN_FALCON1024_CLEAN_max_fg_bits) &&
         take(out.g, PQCLEAN_FALCON1024_CLEAN_max_fg_bits) &&
         take(out.big_f, PQCLEAN_FALCON1024_CLEAN_max_FG_bits) && at == key.size();
}

bool unpack(std::span<std::uint16_t, kN> h, PublicKeyView key) {
  return key[0] == kPublicKeyHeader &&
         PQCLEAN_FALCON1024_CLEAN_modq_decode(h.data(), kLogN, key.data() + 1, key.size() - 1) ==
             key.size() - 1;
}

}  // namespace

bool generate(FalconArithmetic arithmetic, std::span<std::uint8_t, kPublicKeySize> public_key,
              std::span<std::uint8_t, kPrivateKeySize> private_key) {
  return on_wiped_stack(
      [&] { return keypair_function(arithmetic)(public_key.data(), private_key.data()) == 0; });
}

std::size_t sign(FalconArithmetic arithmetic, PrivateKeyView private_key, ByteView message,
                 std::span<std::uint8_t, kSignatureSizeMax> signature) {
  return on_wiped_stack([&]() -> std::size_t {
    std::size_t length = 0;
    if (sign_function(arithmetic)(signature.data(), &length, message.data(), message.size(),
                                  private_key.data()) != 0) {
      return 0;
    }
    return length;
  });
}

bool verify(PublicKeyView public_key, ByteView message, ByteView signature) {
  if (signature.size() <= kSignaturePrefixSize || signature.size() > kSignatureSizeMax ||
      signature[0] != kSignatureHeader) {
    return false;
  }
  // pqclean also takes the padded form of the same signature; one value must have one encoding
  // here.
  std::array<std::int16_t, kN> s2;
  const ByteView compressed = signature.subspan(kSignaturePrefixSize);
  if (PQCLEAN_FALCON1024_CLEAN_comp_decode(s2.data(), kLogN, compressed.data(),
                                           compressed.size()) != compressed.size()) {
    return false;
  }
  return PQCLEAN_FALCON1024_CLEAN_crypto_sign_verify(signature.data(), signature.size(),
                                                     message.data(), message.size(),
                                                     public_key.data()) == 0;
}

bool well_formed(PublicKeyView public_key) {
  std::array<std::uint16_t, kN> h;
  return unpack(h, public_key);
}

bool is_pair(PrivateKeyView private_key, PublicKeyView public_key) {
  std::array<std::uint16_t, kN> expected;
  if (!unpack(expected, public_key)) {
    return false;
  }
  return on_wiped_stack([&] {
    Unpacked key;
    return unpack(key, private_key) &&
           PQCLEAN_FALCON1024_CLEAN_complete_private(key.big_g.data(), key.f.data(), key.g.data(),
                                                     key.big_f.data(), kLogN,
                                                     key.scratch.data()) == 1 &&
           PQCLEAN_FALCON1024_CLEAN_compute_public(key.h.data(), key.f.data(), key.g.data(), kLogN,
                                                   key.scratch.data()) == 1 &&
           std::ranges::equal(key.h, expected);
  });
}

}  // namespace i2::crypto::falcon
