// Every kernel of one element type: a walk with a reducer. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_KERNELS_INL_H_
#undef KERAS_POOLING_KERNELS_KERNELS_INL_H_
#else
#define KERAS_POOLING_KERNELS_KERNELS_INL_H_
#endif

#include "kernels/disjoint-inl.h"
#include "kernels/gather-inl.h"
#include "kernels/reduce-inl.h"
#include "kernels/reducers_avg-inl.h"
#include "kernels/reducers_lp-inl.h"
#include "kernels/reducers_max-inl.h"
#include "kernels/reducers_stochastic-inl.h"
#include "kernels/scatter-inl.h"
#include "kernels/separable-inl.h"
#include "kernels/targets.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

constexpr int64_t LanesOf(size_t lanes) { return static_cast<int64_t>(lanes); }

template <class R>
Kernel Forward(Walk walk) {
  constexpr int64_t kLanes = LanesOf(R::kLanes);
  if (walk == Walk::kSeparable) {
    if constexpr (R::kSeparable) {
      Kernel kernel = {&SeparableWalk::Block<R, AllLanes>, nullptr,
                       &SeparableWalk::ScratchBytes<R>, kLanes};
      if constexpr (R::kStreams) {
        kernel.run_streamed = &SeparableWalk::Block<R, StreamedLanes>;
      }
      return kernel;
    }
    return {};
  }
  Kernel kernel = {&ReduceWalk::Block<R, AllLanes>, nullptr, nullptr, kLanes};
  if constexpr (R::kStreams) kernel.run_streamed = &ReduceWalk::Block<R, StreamedLanes>;
  return kernel;
}

template <class R>
Kernel Backward(Walk walk) {
  constexpr int64_t kLanes = LanesOf(R::kLanes);
  if (walk == Walk::kDisjoint) {
    return {&DisjointWalk::Block<R, AllLanes>, &DisjointWalk::Block<R, StreamedLanes>,
            nullptr, kLanes};
  }
  if (walk == Walk::kScatter) {
    if constexpr (R::kScatters) {
      return {&ScatterWalk::Block<R, AllLanes>, &ScatterWalk::Block<R, StreamedLanes>,
              &ScatterWalk::ScratchBytes<R>, kLanes};
    }
    return {};
  }
  if (walk == Walk::kScatterColumns) {
    if constexpr (R::kScatters) {
      return {&ColumnScatterWalk::Block<R>, nullptr, &ScatterWalk::ScratchBytes<R>,
              kLanes};
    }
    return {};
  }
  if (walk == Walk::kAdjoint) {
    if constexpr (!std::is_void_v<typename R::Adjoint>) {
      return Forward<typename R::Adjoint>(Walk::kSeparable);
    }
    return {};
  }
  return {&GatherWalk::Block<R, AllLanes>, &GatherWalk::Block<R, StreamedLanes>,
          &GatherWalk::ScratchBytes, kLanes};
}

template <template <class, class> class ForwardOf, class T, bool kFloating>
Kernel FindSelecting(const KernelRequest& request) {
  const bool small = request.tap_type == TapType::kUint8;
  if (request.task == Task::kForward) {
    if (request.tap_type == TapType::kNone)
      return Forward<ForwardOf<T, NoTap>>(request.walk);
    return small ? Forward<ForwardOf<T, uint8_t>>(request.walk)
                 : Forward<ForwardOf<T, int32_t>>(request.walk);
  }
  if constexpr (kFloating) {
    if (request.task == Task::kPick) {
      return small ? Forward<SelectPick<T, uint8_t>>(request.walk)
                   : Forward<SelectPick<T, int32_t>>(request.walk);
    }
    return small ? Backward<SelectBackward<T, uint8_t>>(request.walk)
                 : Backward<SelectBackward<T, int32_t>>(request.walk);
  }
  return {};
}

template <template <class> class ForwardOf, template <class> class BackwardOf, class T>
Kernel FindBlending(const KernelRequest& request) {
  if (request.task == Task::kForward) return Forward<ForwardOf<T>>(request.walk);
  if constexpr (!std::is_same_v<BackwardOf<T>, NoBackward<T>>) {
    return Backward<BackwardOf<T>>(request.walk);
  }
  return {};
}

// An empty kernel where the reduction is not defined for the type.
template <class T, bool kFloating>
Kernel FindTyped(const KernelRequest& request) {
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
