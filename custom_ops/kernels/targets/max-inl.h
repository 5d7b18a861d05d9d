// The kernels of max for one element type. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_TARGETS_MAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_TARGETS_MAX_INL_H_
#undef KERAS_POOLING_KERNELS_TARGETS_MAX_INL_H_
#else
#define KERAS_POOLING_KERNELS_TARGETS_MAX_INL_H_
#endif

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

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
