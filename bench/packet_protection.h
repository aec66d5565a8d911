// QUIC packet protection as a ceiling: AES-128-GCM over the payload and an AES-128
// header-protection mask, one fresh nonce per packet, and nothing else of QUIC (RFC 9001 §5.3,
// §5.4).
//
// A packet is a short header (1 byte flags, 8 bytes connection id, 4 bytes packet number), the
// sealed payload and the 16-byte tag. The cipher contexts are kept; per packet only the nonce is
// set.
#pragma once

#include <i2/base/assert.h>
#include <i2/base/bytes.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>

namespace i2::bench {

struct PacketKeys {
  std::array<std::uint8_t, 16> key{};
  std::array<std::uint8_t, 16> header_key{};
  std::array<std::uint8_t, 12> iv{};
};

class PacketProtection {
 public:
  static constexpr std::size_t kNumberOffset = 1 + 8;
  static constexpr std::size_t kHeaderSize = kNumberOffset + 4;
  static constexpr std::size_t kTagSize = 16;
  static constexpr std::size_t kOverhead = kHeaderSize + kTagSize;
  // Header protection samples 16 bytes behind the packet number.
  static constexpr std::size_t kPacketSizeMin = kHeaderSize + 16 + kTagSize;

  explicit PacketProtection(const PacketKeys& keys) : iv_(keys.iv) {
    must(EVP_EncryptInit_ex(seal_.get(), EVP_aes_128_gcm(), nullptr, keys.key.data(), nullptr));
    must(EVP_DecryptInit_ex(open_.get(), EVP_aes_128_gcm(), nullptr, keys.key.data(), nullptr));
    must(EVP_EncryptInit_ex(mask_.get(), EVP_aes_128_ecb(), nullptr, keys.header_key.data(),
                            nullptr));
    must(EVP_CIPHER_CTX_set_padding(mask_.get(), 0));
  }

  // Fills `packet` (at least kPacketSizeMin bytes) from `plain`, which is kOverhead bytes shorter.
  void seal(MutableByteView packet, std::uint32_t number, ByteView plain) {
    packet[0] = 0x43;  // short header, fixed bit, 4-byte packet number
    std::fill_n(packet.begin() + 1, kNumberOffset - 1, std::uint8_t{0});
    for (std::size_t i = 0; i < 4; ++i) {
      packet[kNumberOffset + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    int size = 0;
    EVP_CIPHER_CTX* ctx = seal_.get();
    must(EVP_EncryptInit_ex(ctx, nullptr, nullptr, nullptr, nonce(number).data()));
    must(EVP_EncryptUpdate(ctx, nullptr, &size, packet.data(), kHeaderSize));
    must(EVP_EncryptUpdate(ctx, packet.data() + kHeaderSize, &size, plain.data(),
                           static_cast<int>(plain.size())));
    must(EVP_EncryptFinal_ex(ctx, nullptr, &size));
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kTagSize, packet.last(kTagSize).data()));
    flip_header(packet);
  }

  // Opens `packet` in place; false when it is too short or not authentic.
  [[nodiscard]] bool open(MutableByteView packet) {
    if (packet.size() < kPacketSizeMin) {
      return false;
    }
    flip_header(packet);
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      number = number << 8 | packet[kNumberOffset + i];
    }
    int size = 0;
    std::uint8_t* const payload = packet.data() + kHeaderSize;
    EVP_CIPHER_CTX* ctx = open_.get();
    must(EVP_DecryptInit_ex(ctx, nullptr, nullptr, nullptr, nonce(number).data()));
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, kTagSize, packet.last(kTagSize).data()));
    must(EVP_DecryptUpdate(ctx, nullptr, &size, packet.data(), kHeaderSize));
    must(EVP_DecryptUpdate(ctx, payload, &size, payload,
                           static_cast<int>(packet.size() - kOverhead)));
    return EVP_DecryptFinal_ex(ctx, nullptr, &size) == 1;
  }

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* ctx) const { EVP_CIPHER_CTX_free(ctx); }
  };
  using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

  static void must(int result) { I2_ASSERT(result == 1); }

  // RFC 9001 §5.3: the packet number, left-padded to the size of the IV, exclusive-ored with it.
  [[nodiscard]] std::array<std::uint8_t, 12> nonce(std::uint32_t number) const {
    std::array<std::uint8_t, 12> out = iv_;
    for (std::size_t i = 0; i < 4; ++i) {
      out[8 + i] ^= static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    return out;
  }

  // RFC 9001 §5.4.1: five bits of the first byte and the packet number; its own inverse.
  void flip_header(MutableByteView packet) {
    std::array<std::uint8_t, 16> mask{};
    int size = 0;
    must(EVP_EncryptUpdate(mask_.get(), mask.data(), &size, packet.data() + kHeaderSize, 16));
    packet[0] = static_cast<std::uint8_t>(packet[0] ^ (mask[0] & 0x1f));
    for (std::size_t i = 0; i < 4; ++i) {
      packet[kNumberOffset + i] ^= mask[1 + i];
    }
  }

  std::array<std::uint8_t, 12> iv_;
  Context seal_{EVP_CIPHER_CTX_new()};
  Context open_{EVP_CIPHER_CTX_new()};
  Context mask_{EVP_CIPHER_CTX_new()};
};

}  // namespace i2::bench
