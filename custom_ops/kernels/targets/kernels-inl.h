// A kernel: a walk with a reducer. Included once per instruction set.
#if defined(KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_
#undef KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_
#else
#define KERAS_POOLING_KERNELS_TARGETS_KERNELS_INL_H_
#endif

#include "kernels/targets/targets.h"
#include "kernels/walks/disjoint-inl.h"
#include "kernels/walks/gather-inl.h"
#include "kernels/walks/reduce-inl.h"
#include "kernels/walks/scatter-inl.h"
#include "kernels/walks/separable-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

template <class R>
constexpr int64_t kLanesOf = static_cast<int64_t>(R::kLanes);

template <class R>
Kernel Forward(Walk walk) {
  if constexpr (R::kSeparable) {
    if (walk == Walk::kSeparable) {
      return {&SeparableWalk::WalkBox<R>, &SeparableWalk::ScratchBytes<R>, kLanesOf<R>,
              R::kIsLight};
    }
  }
  if (walk != Walk::kReduce) return {};
  return {&ReduceWalk::WalkBox<R>, nullptr, kLanesOf<R>, R::kIsLight};
}

template <class R>
Kernel Backward(Walk walk) {
  if (walk == Walk::kDisjoint) {
    return {&DisjointWalk::WalkBox<R>, nullptr, kLanesOf<R>, true};
  }
  if (walk == Walk::kGather) {
    return {&GatherWalk::WalkBox<R>, &GatherWalk::ScratchBytes, kLanesOf<R>, true};
  }
  if constexpr (R::kScatters) {
    if (walk == Walk::kScatter) {
      return {&ScatterWalk::WalkBox<R>, &ScatterWalk::ScratchBytes<R>, kLanesOf<R>,
              true};
    }
    if (walk == Walk::kScatterColumns) {
      return {&ColumnScatterWalk::WalkBox<R>, &ColumnScatterWalk::ScratchBytes<R>,
              kLanesOf<R>, true};
    }
  }
  if constexpr (!std::is_void_v<typename R::Adjoint>) {
    if (walk == Walk::kAdjoint) return Forward<typename R::Adjoint>(Walk::kSeparable);
  }
  return {};
}

// The kernel of a reduction that is defined for floating-point numbers alone.
template <template <class> class ReducerOf>
Kernel ForwardOfFloats(const KernelRequest& request) {
  switch (request.type) {
    case ElementType::kFloat16:
      return Forward<ReducerOf<Float16>>(request.walk);
    case ElementType::kBFloat16:
      return Forward<ReducerOf<BFloat16>>(request.walk);
    case ElementType::kFloat32:
      return Forward<ReducerOf<float>>(request.walk);
    case ElementType::kFloat64:
      return Forward<ReducerOf<double>>(request.walk);
    default:
      return {};
  }
}

template <template <class> class ReducerOf>
Kernel BackwardOfFloats(const KernelRequest& request) {
  switch (request.type) {
    case ElementType::kFloat16:
      return Backward<ReducerOf<Float16>>(request.walk);
    case ElementType::kBFloat16:
      return Backward<ReducerOf<BFloat16>>(request.walk);
    case ElementType::kFloat32:
      return Backward<ReducerOf<float>>(request.walk);
    case ElementType::kFloat64:
      return Backward<ReducerOf<double>>(request.walk);
    default:
      return {};
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
