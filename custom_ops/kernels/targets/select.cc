// The gradient of every reduction that selects a tap, and the gradient of that.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/select.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/reducers/select-inl.h"
#include "kernels/targets/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

template <class T>
using SmallTapBackward = SelectBackward<T, uint8_t>;
template <class T>
using LargeTapBackward = SelectBackward<T, int32_t>;

// Elements are moved as they are: one kernel for halves of either type.
template <class T>
using Moved = std::conditional_t<IsHalf<T>::value, Float16, T>;
template <class T>
using SmallTapGather = GatherTaps<Moved<T>, uint8_t>;
template <class T>
using LargeTapGather = GatherTaps<Moved<T>, int32_t>;

Kernel FindSelectGradient(const KernelRequest& request) {
  const bool is_small = request.tap_type == TapType::kUint8;
  if (request.task == Task::kGatherTaps) {
    return is_small ? ForwardOfFloats<SmallTapGather>(request)
                    : ForwardOfFloats<LargeTapGather>(request);
  }
  return is_small ? BackwardOfFloats<SmallTapBackward>(request)
                  : BackwardOfFloats<LargeTapBackward>(request);
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
