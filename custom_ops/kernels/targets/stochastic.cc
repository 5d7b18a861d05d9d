// The kernels of stochastic and of expectation. Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/stochastic.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/reducers/stochastic-inl.h"
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindStochastic(const KernelRequest& request) {
  return ForwardOfFloats<StochasticForward>(request);
}

// Its gradient needs each window's sum of weights, which no one keeps.
Kernel FindExpectation(const KernelRequest& request) {
  if (request.task != Task::kForward) return {};
  return ForwardOfFloats<ExpectationForward>(request);
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
