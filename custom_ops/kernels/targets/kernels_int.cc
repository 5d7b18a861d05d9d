// The kernels of integers.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/kernels_int.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindIntKernel(const KernelRequest& request) {
  switch (request.type) {
    case ElementType::kInt8:
      return FindTyped<int8_t, false>(request);
    case ElementType::kUint8:
      return FindTyped<uint8_t, false>(request);
    case ElementType::kInt16:
      return FindTyped<int16_t, false>(request);
    case ElementType::kInt32:
      return FindTyped<int32_t, false>(request);
    default:
      return FindTyped<int64_t, false>(request);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
