// Every kernel of one element type: a walk with a reducer. Included once per
// instruction set.
#if defined(KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_
#undef KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_
#else
#define KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_
#endif

#include "kernels/walks/disjoint-inl.h"
#include "kernels/walks/gather-inl.h"
#include "kernels/walks/reduce-inl.h"
#include "kernels/reducers/avg-inl.h"
#include "kernels/reducers/gem-inl.h"
#include "kernels/reducers/lp-inl.h"
#include "kernels/reducers/max-inl.h"
#include "kernels/reducers/select-inl.h"
#include "kernels/reducers/stochastic-inl.h"
#include "kernels/walks/scatter-inl.h"
#include "kernels/walks/separable-inl.h"
#include "kernels/targets/targets.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

constexpr int64_t LanesOf(size_t lanes) { return static_cast<int64_t>(lanes); }

template <class R>
Kernel Forward(Walk walk) {
  if (walk == Walk::kReduce) {
    return {&ReduceWalk::WalkBox<R>, nullptr, LanesOf(R::kLanes), R::kStreams};
  }
  if constexpr (R::kSeparable) {
    return {&SeparableWalk::WalkBox<R>, &SeparableWalk::ScratchBytes<R>,
            LanesOf(R::kLanes), R::kStreams};
  }
  return {};
}

template <class R>
Kernel Backward(Walk walk) {
  constexpr int64_t kLanes = LanesOf(R::kLanes);
  if (walk == Walk::kDisjoint)
    return {&DisjointWalk::WalkBox<R>, nullptr, kLanes, true};
  if (walk == Walk::kGather) {
    return {&GatherWalk::WalkBox<R>, &GatherWalk::ScratchBytes, kLanes, true};
  }
  if constexpr (R::kScatters) {
    if (walk == Walk::kScatter) {
      return {&ScatterWalk::WalkBox<R>, &ScatterWalk::ScratchBytes<R>, kLanes, true};
    }
    if (walk == Walk::kScatterColumns) {
      return {&ColumnScatterWalk::WalkBox<R>, &ScatterWalk::ScratchBytes<R>, kLanes,
              false};
    }
  }
  if constexpr (!std::is_void_v<typename R::Adjoint>) {
    if (walk == Walk::kAdjoint) return Forward<typename R::Adjoint>(Walk::kSeparable);
  }
  return {};
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
    if (request.task == Task::kGatherTaps) {
      return small ? Forward<GatherTaps<T, uint8_t>>(request.walk)
                   : Forward<GatherTaps<T, int32_t>>(request.walk);
    }
    return small ? Backward<SelectBackward<T, uint8_t>>(request.walk)
                 : Backward<SelectBackward<T, int32_t>>(request.walk);
  }
  return {};
}

template <template <class> class ForwardOf, template <class> class BackwardOf, class T>
Kernel FindBlending(const KernelRequest& request) {
  if (request.task == Task::kForward) return Forward<ForwardOf<T>>(request.walk);
  if (request.task == Task::kParameterGradient) {
    using Parameter = typename ForwardOf<T>::Parameter;
    if constexpr (!std::is_void_v<Parameter>) return Forward<Parameter>(request.walk);
    return {};
  }
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
#define KP_REDUCTION(Name, name, kind, types, ...) \
  if constexpr (types) {                           \
    if (request.reduction == Reduction::k##Name) { \
      return KP_FIND_##kind(Name);                 \
    }                                              \
  }
#include "kernels/spec/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
#undef KP_FIND_kSelects
#undef KP_FIND_kBlends
  return {};
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
