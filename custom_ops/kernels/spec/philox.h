// Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011): its
// constants, and one number at a time. simd/random-inl.h has it for vectors.
#ifndef KERAS_POOLING_KERNELS_SPEC_PHILOX_H_
#define KERAS_POOLING_KERNELS_SPEC_PHILOX_H_

#include <cstdint>

namespace keras_pooling {

constexpr int kPhiloxRounds = 10;
constexpr uint32_t kPhiloxMultipliers[2] = {0xD2511F53u, 0xCD9E8D57u};
constexpr uint32_t kPhiloxKeySteps[2] = {0x9E3779B9u, 0xBB67AE85u};

// 64 random bits, the first two of Philox's four words, for the counter (index, word2)
// and a key of two words.
inline uint64_t Philox(const uint32_t (&seed)[2], uint64_t index, uint32_t word2) {
  uint32_t counter[4] = {static_cast<uint32_t>(index),
                         static_cast<uint32_t>(index >> 32), word2, 0};
  uint32_t key[2] = {seed[0], seed[1]};
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kPhiloxMultipliers[0]} * counter[0];
    const uint64_t product1 = uint64_t{kPhiloxMultipliers[1]} * counter[2];
    counter[0] = static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0];
    counter[1] = static_cast<uint32_t>(product1);
    counter[2] = static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1];
    counter[3] = static_cast<uint32_t>(product0);
    key[0] += kPhiloxKeySteps[0];
    key[1] += kPhiloxKeySteps[1];
  }
  return uint64_t{counter[0]} << 32 | counter[1];
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_PHILOX_H_
