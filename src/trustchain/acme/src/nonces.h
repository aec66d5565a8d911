// Nonces (RFC 8555 §6.5): each is good once.
//
// A nonce is a number and its MAC under a key of this process; of the last kWindow numbers one bit
// each says whether they were used. So memory is constant however many are asked for, and no nonce
// survives a restart. Whoever asks for kWindow of them makes older ones invalid, and their owners
// ask again (badNonce carries a fresh one).
#pragma once

#include <i2/base/rng.h>
#include <i2/crypto/secret.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace i2::trustchain::acme {

class Nonces {
 public:
  static constexpr std::uint64_t kWindow = 1 << 20;  // 128 KiB

  explicit Nonces(Rng& rng);
  [[nodiscard]] std::string issue();
  // Whether it was issued, is not too old, and has not been used; it is used now.
  [[nodiscard]] bool use(std::string_view nonce);

 private:
  [[nodiscard]] std::string text_of(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t& word_of(std::uint64_t number) {
    return used_[number % kWindow / 64];
  }

  crypto::SecretBytes key_;
  std::uint64_t next_ = 0;
  std::vector<std::uint64_t> used_;
};

}  // namespace i2::trustchain::acme
