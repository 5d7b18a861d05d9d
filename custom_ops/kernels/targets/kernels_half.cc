// The kernels of float16 and bfloat16.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/kernels_half.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindHalfKernel(const KernelRequest& request) {
  return request.type == ElementType::kFloat16 ? FindTyped<Float16, true>(request)
                                               : FindTyped<BFloat16, true>(request);
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
