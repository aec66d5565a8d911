// Falcon on the command line, for tests against other implementations. The lines are those of
// vectors/falcon.
//
//   crypto_interop generate   keys and signatures from fixed randomness (vectors/falcon/i2.rsp)
//   crypto_interop sign       fresh keys of both kinds of arithmetic, and signatures by them
//   crypto_interop verify     reads lines from standard input; fails unless every signature
//   verifies
#include <i2/crypto/hash.h>
#include <i2/crypto/key.h>
#include <i2/crypto/testing/seeded_random.h>

#include <cstdio>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

#include "falcon/falcon.h"
#include "vectors.h"

namespace i2::crypto {
namespace {

Bytes derive(const std::string& label, std::size_t size) {
  return hkdf_sha256(as_bytes("i2 " + label), {}, {}, size);
}

void print(const char* name, ByteView value) {
  std::printf("%s = %s\n", name, to_hex(value).c_str());
}

struct RawKey {
  std::array<std::uint8_t, falcon::kPublicKeySize> public_key{};
  std::array<std::uint8_t, falcon::kPrivateKeySize> private_key{};
};

int generate() {
  std::printf("# Falcon-1024 by this project; made by crypto_interop generate\n");
  for (int index = 0; index < 2; ++index) {
    const FalconArithmetic arithmetic =
        index == 0 ? FalconArithmetic::kConstantTime : FalconArithmetic::kNativeDouble;
    const std::string id = std::to_string(index);
    const Bytes key_seed = derive("key " + id, 48);
    RawKey key;
    {
      const testing::SeededRandom random(key_seed);
      if (!falcon::generate(arithmetic, key.public_key, key.private_key)) {
        return 1;
      }
    }
    std::printf("\n");
    print("key_seed", key_seed);
    print("pk", key.public_key);
    print("sk", key.private_key);
    for (const std::size_t size : {0U, 1U, 33U, 1000U}) {
      const std::string what = id + " " + std::to_string(size);
      const Bytes message = derive("message " + what, size);
      Bytes randomness = derive("nonce " + what, 40);
      const Bytes seed = derive("seed " + what, 48);
      std::printf("\n");
      print("msg", message);
      print("nonce", randomness);
      print("seed", seed);
      append(randomness, seed);
      const testing::SeededRandom random(randomness);
      std::array<std::uint8_t, falcon::kSignatureSizeMax> signature;
      const std::size_t length = falcon::sign(arithmetic, key.private_key, message, signature);
      print("sig", ByteView(signature).first(length));
    }
  }
  return 0;
}

// Through the public API and the provider, with the system's randomness.
int sign() {
  for (const FalconArithmetic arithmetic :
       {FalconArithmetic::kConstantTime, FalconArithmetic::kNativeDouble}) {
    const PrivateKey key =
        PrivateKey::generate(SignatureAlgorithm::kFalcon1024, arithmetic).value();
    const Bytes spki = key.public_key().spki();
    print("pk", ByteView(spki).last(falcon::kPublicKeySize));
    for (int i = 0; i < 8; ++i) {
      const Bytes message = derive("fresh " + std::to_string(i), static_cast<std::size_t>(i) * 37);
      print("msg", message);
      print("sig", key.sign(message).value());
    }
  }
  return 0;
}

int verify() {
  std::optional<PublicKey> key;
  Bytes message;
  int count = 0;
  for (std::string line; std::getline(std::cin, line);) {
    const std::size_t equals = line.find(" = ");
    if (line.starts_with('#') || equals == std::string::npos) {
      continue;
    }
    const std::string name = line.substr(0, equals);
    const Bytes value = from_hex(line.substr(equals + 3));
    if (name == "pk") {
      Bytes spki = from_hex("3082070F300706052BCE0F030E0382070200");
      append(spki, value);
      key = PublicKey::from_spki(spki).value();
    } else if (name == "msg") {
      message = value;
    } else if (name == "sig") {
      if (!key || !key->verify(message, value)) {
        std::fprintf(stderr, "signature %d is refused\n", count);
        return 1;
      }
      ++count;
    }
  }
  std::printf("%d signatures accepted\n", count);
  return count > 0 ? 0 : 1;
}

int run(std::string_view mode) {
  if (mode == "generate") {
    return generate();
  }
  if (mode == "sign") {
    return sign();
  }
  if (mode == "verify") {
    return verify();
  }
  std::fprintf(stderr, "usage: crypto_interop generate|sign|verify\n");
  return 2;
}

}  // namespace
}  // namespace i2::crypto

int main(int argc, char** argv) {
  try {
    return i2::crypto::run(argc == 2 ? argv[1] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
