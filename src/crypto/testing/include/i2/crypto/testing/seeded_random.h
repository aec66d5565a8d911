// A reproducible process: every random byte of libcrypto comes from a seed.
//
// For tests and the simulation only. With the same seed the same sequence of calls makes the same
// keys, Falcon signatures and whole TLS or QUIC handshakes, byte for byte. What does not come from
// the random generator stays outside: the wall clock (a stateless TLS session ticket holds it: use
// SSL_OP_NO_TICKET or no tickets) and the scheduling of threads.
//
// Not thread-safe: while an object lives, only one thread may use libcrypto. Objects nest; the last
// one made is the one that answers.
#pragma once

#include <i2/base/bytes.h>
#include <i2/base/rng.h>

#include <cstddef>
#include <cstdint>

namespace i2::crypto::testing {

// The generator itself, for code that takes an Rng: SplitMix64, eight bytes (little-endian) a step.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : state_(seed) {}
  void fill(MutableByteView out) override;

 private:
  [[nodiscard]] std::uint64_t step();

  std::uint64_t state_;
  std::uint64_t buffered_ = 0;
  unsigned buffered_bytes_ = 0;
};

// Takes the random generator of the process over (RAND_set_rand_method, through which pqclean draws
// too) for its lifetime.
class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t seed);
  // Answers with exactly `script`, for known-answer tests; asking for more ends the process.
  explicit SeededRandom(ByteView script);
  ~SeededRandom();
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;

  // Number of bytes drawn so far.
  [[nodiscard]] std::size_t drawn() const { return drawn_; }

 private:
  friend struct SeededRandomHook;
  void install();
  void draw(MutableByteView out);

  SeededRng rng_;
  Bytes script_;
  bool scripted_ = false;
  std::size_t drawn_ = 0;
  SeededRandom* outer_ = nullptr;
};

}  // namespace i2::crypto::testing
