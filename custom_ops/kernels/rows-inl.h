// Every row kernel of one element type: a walk with a reducer. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_ROWS_INL_H_
#undef KERAS_POOLING_KERNELS_ROWS_INL_H_
#else
#define KERAS_POOLING_KERNELS_ROWS_INL_H_
#endif

#include "kernels/reducers-inl.h"
#include "kernels/reducers_lp-inl.h"
#include "kernels/reducers_stochastic-inl.h"
#include "kernels/separable-inl.h"
#include "kernels/targets.h"
#include "kernels/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

constexpr int64_t LanesOf(size_t lanes) { return static_cast<int64_t>(lanes); }

template <class R>
RowKernel Forward() {
  RowKernel kernel = {&ReduceWalk::Row<R, AllLanes>, nullptr, nullptr, nullptr,
                      LanesOf(R::kLanes)};
  if constexpr (R::kSeparable) {
    kernel.block = &SeparableWalk::Block<R>;
    kernel.block_scratch = &SeparableWalk::ScratchBytes<R>;
  }
  return kernel;
}

template <class R>
RowKernel Backward(Walk walk) {
  if (walk == Walk::kDisjoint) {
    return {&DisjointWalk::Row<R, AllLanes>, &DisjointWalk::Row<R, StreamedLanes>,
            nullptr, nullptr, LanesOf(R::kLanes)};
  }
  return {&GatherWalk::Row<R, AllLanes>, &GatherWalk::Row<R, StreamedLanes>, nullptr,
          nullptr, LanesOf(R::kLanes)};
}

template <template <class, class> class ForwardOf, class T, bool kFloating>
RowKernel FindSelecting(const RowRequest& request) {
  const bool small = request.tap_type == TapType::kUint8;
  if (request.task == Task::kForward) {
    if (request.tap_type == TapType::kNone) return Forward<ForwardOf<T, NoTap>>();
    return small ? Forward<ForwardOf<T, uint8_t>>() : Forward<ForwardOf<T, int32_t>>();
  }
  if constexpr (kFloating) {
    if (request.task == Task::kPick) {
      return small ? Forward<SelectPick<T, uint8_t>>()
                   : Forward<SelectPick<T, int32_t>>();
    }
    return small ? Backward<SelectBackward<T, uint8_t>>(request.walk)
                 : Backward<SelectBackward<T, int32_t>>(request.walk);
  }
  return {};
}

template <template <class> class ForwardOf, template <class> class BackwardOf, class T>
RowKernel FindBlending(const RowRequest& request) {
  if (request.task == Task::kForward) return Forward<ForwardOf<T>>();
  if constexpr (!std::is_same_v<BackwardOf<T>, NoBackward<T>>) {
    return Backward<BackwardOf<T>>(request.walk);
  }
  return {};
}

// An empty kernel where the reduction is not defined for the type.
template <class T, bool kFloating>
RowKernel FindTyped(const RowRequest& request) {
  constexpr bool kAll = true;
  constexpr bool kFloats = kFloating;
#define KP_FIND_kSelects(Name) FindSelecting<Name##Forward, T, kFloating>(request)
#define KP_FIND_kBlends(Name) FindBlending<Name##Forward, Name##Backward, T>(request)
#define KP_REDUCTION(Name, name, kind, types)      \
  if constexpr (types) {                           \
    if (request.reduction == Reduction::k##Name) { \
      return KP_FIND_##kind(Name);                 \
    }                                              \
  }
#include "kernels/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
#undef KP_FIND_kSelects
#undef KP_FIND_kBlends
  return {};
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
