// The kernels of float32 and float64.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/kernels_float.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindFloatKernel(const KernelRequest& request) {
  return request.type == ElementType::kFloat32 ? FindTyped<float, true>(request)
                                               : FindTyped<double, true>(request);
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
