// Elements of a tensor that C++ has no type for. No SIMD, no framework.
#ifndef KERAS_POOLING_KERNELS_ELEMENT_TYPES_H_
#define KERAS_POOLING_KERNELS_ELEMENT_TYPES_H_

#include <cstdint>
#include <type_traits>

namespace keras_pooling {

struct Float16 {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

template <class T>
struct IsHalf
    : std::bool_constant<std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>> {};

// The bits of +infinity, without the sign: greater ones are NaNs.
template <class T>
constexpr uint16_t kHalfInfinity = std::is_same_v<T, Float16> ? 0x7c00 : 0x7f80;

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_ELEMENT_TYPES_H_
