// The kernels of gem. Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/gem.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/reducers/gem-inl.h"
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindGem(const KernelRequest& request) {
  switch (request.task) {
    case Task::kForward:
      return ForwardOfFloats<GemForward>(request);
    case Task::kParameterGradient:
      return ForwardOfFloats<GemParameter>(request);
    case Task::kPrepare:
      return ForwardOfFloats<GemPrepare>(request);
    default:
      return BackwardOfFloats<GemBackward>(request);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
