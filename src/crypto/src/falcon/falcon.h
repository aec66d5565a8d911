// Falcon-1024 (round 3) on raw keys, over the C sources of pqclean.
//
// Signatures are in the unpadded form: 0x3A, a nonce of 40 bytes, the compressed s2. Secret
// intermediates are wiped: the stack below the call, and the SHAKE states on the heap. Needs about
// 128 KB of stack. Randomness comes from OpenSSL's private DRBG; the process aborts when that
// fails.
#pragma once

#include <i2/base/bytes.h>
#include <i2/crypto/key.h>

namespace i2::crypto::falcon {

inline constexpr std::size_t kPublicKeySize = 1793;
inline constexpr std::size_t kPrivateKeySize = 2305;
inline constexpr std::size_t kSignatureSizeMax = 1462;
// What comes before the compressed s2 of a signature.
inline constexpr std::size_t kSignaturePrefixSize = 41;

using PublicKeyView = std::span<const std::uint8_t, kPublicKeySize>;
using PrivateKeyView = std::span<const std::uint8_t, kPrivateKeySize>;

// False only when the encoder refuses its own key, which does not happen.
[[nodiscard]] bool generate(FalconArithmetic arithmetic,
                            std::span<std::uint8_t, kPublicKeySize> public_key,
                            std::span<std::uint8_t, kPrivateKeySize> private_key);

// Returns the number of bytes written, 0 when the key is malformed.
[[nodiscard]] std::size_t sign(FalconArithmetic arithmetic, PrivateKeyView private_key,
                               ByteView message,
                               std::span<std::uint8_t, kSignatureSizeMax> signature);

// Accepts exactly one encoding of a signature: zeros after the compressed s2 ("padded" Falcon) are
// refused.
[[nodiscard]] bool verify(PublicKeyView public_key, ByteView message, ByteView signature);

// Header byte, all 1024 coefficients below q, no stray bits.
[[nodiscard]] bool well_formed(PublicKeyView public_key);
// The private key decodes, its NTRU equation has a solution, and h = g/f is `public_key`.
[[nodiscard]] bool is_pair(PrivateKeyView private_key, PublicKeyView public_key);

}  // namespace i2::crypto::falcon
