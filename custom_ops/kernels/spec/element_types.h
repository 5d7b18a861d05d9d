// The types of a tensor's elements, and those that C++ has none for. No SIMD, no
// framework.
#ifndef KERAS_POOLING_KERNELS_SPEC_ELEMENT_TYPES_H_
#define KERAS_POOLING_KERNELS_SPEC_ELEMENT_TYPES_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace keras_pooling {

// The numbers are those of KerasPoolingType in hosts/c/keras_pooling.h.
enum class ElementType : int32_t {
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kInt8,
  kUint8,
  kInt16,
  kInt32,
  kInt64,
};
constexpr int kElementTypes = 9;

constexpr bool IsFloating(ElementType type) { return type <= ElementType::kFloat64; }

constexpr int64_t ElementSize(ElementType type) {
  constexpr int64_t kSizes[kElementTypes] = {2, 2, 4, 8, 1, 1, 2, 4, 8};
  return kSizes[static_cast<int>(type)];
}

// What calculations are made in: halves as float32. Numbers that are learned are held
// in it too, and so is what is made for the sake of a gradient.
constexpr ElementType MathTypeOf(ElementType type) {
  return type < ElementType::kFloat32 ? ElementType::kFloat32 : type;
}

constexpr const char* NameOf(ElementType type) {
  constexpr const char* kNames[kElementTypes] = {"float16", "bfloat16", "float32",
                                                 "float64", "int8",     "uint8",
                                                 "int16",   "int32",    "int64"};
  return kNames[static_cast<int>(type)];
}

// How the number of a window's winning tap is stored.
enum class TapType { kNone, kUint8, kInt32 };

constexpr int64_t TapSize(TapType type) {
  return type == TapType::kNone ? 0 : type == TapType::kUint8 ? 1 : 4;
}

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

#endif  // KERAS_POOLING_KERNELS_SPEC_ELEMENT_TYPES_H_
