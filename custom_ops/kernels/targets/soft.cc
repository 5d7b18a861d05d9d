// The kernels of soft. Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/soft.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/reducers/soft-inl.h"
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindSoft(const KernelRequest& request) {
  switch (request.task) {
    case Task::kForward:
      return ForwardOfFloats<SoftForward>(request);
    case Task::kParameterGradient:
      return ForwardOfFloats<SoftParameter>(request);
    case Task::kPrepare:
      return ForwardOfFloats<SoftPrepare>(request);
    default:
      return BackwardOfFloats<SoftBackward>(request);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
