// Arithmetic on sizes that every floor needs. Plain integers.
#ifndef KERAS_POOLING_KERNELS_SPEC_INTEGERS_H_
#define KERAS_POOLING_KERNELS_SPEC_INTEGERS_H_

#include <cstdint>

namespace keras_pooling {

// Of scratch memory, and of what is written past the caches.
constexpr int64_t kAlignment = 64;

// a / b rounded up, for a ≥ 0 and b > 0. No sum of the two is made, so none overflows.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return a / b + (a % b != 0); }

constexpr int64_t RoundUp(int64_t bytes, int64_t unit = kAlignment) {
  return CeilDiv(bytes, unit) * unit;
}

// The product, or false where it exceeds int64. Factors are not negative.
inline bool Multiply(int64_t a, int64_t b, int64_t* product) {
  return !__builtin_mul_overflow(a, b, product);
}

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_INTEGERS_H_
