// The kernels of max of integers: apart, so that they compile beside those of floats.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/max_integers.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/targets/max-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindMaxOfIntegers(const KernelRequest& request) {
  switch (request.type) {
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
    default:
      return {};
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
