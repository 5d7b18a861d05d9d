// The kernels of max of floating-point numbers. Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/max.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/targets/max-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindMaxOfIntegers(const KernelRequest& request);

Kernel FindMax(const KernelRequest& request) {
  switch (request.type) {
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
      return FindMaxOf<Float16>(request);
    case ElementType::kFloat32:
      return FindMaxOf<float>(request);
    case ElementType::kFloat64:
      return FindMaxOf<double>(request);
    default:
      return FindMaxOfIntegers(request);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
