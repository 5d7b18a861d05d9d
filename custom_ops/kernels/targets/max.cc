// The kernels of max. Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/max.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/reducers/max-inl.h"
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

// Halves of either type have one kernel, and so have bytes whose taps are kept: what
// they differ in, the call says.
template <class T>
Kernel FindMaxOf(const KernelRequest& request) {
  if (request.tap_type == TapType::kNone) {
    return Forward<MaxForward<T, Keep::kNoTaps>>(request.walk);
  }
  if constexpr (sizeof(T) >= 4) {
    return Forward<MaxForward<T, Keep::kAnyTaps>>(request.walk);
  } else {
    using Signed = std::conditional_t<std::is_same_v<T, uint8_t>, int8_t, T>;
    return request.tap_type == TapType::kUint8
               ? Forward<MaxForward<Signed, Keep::kSmallTaps>>(request.walk)
               : Forward<MaxForward<Signed, Keep::kAnyTaps>>(request.walk);
  }
}

Kernel FindMax(const KernelRequest& request) {
  switch (request.type) {
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
      return FindMaxOf<Float16>(request);
    case ElementType::kFloat32:
      return FindMaxOf<float>(request);
    case ElementType::kFloat64:
      return FindMaxOf<double>(request);
    case ElementType::kInt8:
      return FindMaxOf<int8_t>(request);
    case ElementType::kUint8:
      return FindMaxOf<uint8_t>(request);
    case ElementType::kInt16:
      return FindMaxOf<int16_t>(request);
    case ElementType::kInt32:
      return FindMaxOf<int32_t>(request);
    case ElementType::kInt64:
      return FindMaxOf<int64_t>(request);
  }
  return {};
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
