// The kernels, compiled once per instruction set, and each set's way to find one.

// Three sets on x86-64 (targets.h); the ones between and beyond would add code, not
// speed.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS                                                         \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_AVX10_2 | \
   HWY_NEON_BF16 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pool_targets.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h

#include "kernels/pack-inl.h"
#include "kernels/reducers-inl.h"
#include "kernels/targets.h"
#include "kernels/walk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

constexpr int64_t LanesOf(size_t lanes) { return static_cast<int64_t>(lanes); }

template <class R>
RowKernel Forward() {
  return {&ReduceWalk::Row<R, AllLanes>, nullptr, LanesOf(R::kLanes)};
}

template <class R>
RowKernel Backward(Walk walk) {
  if (walk == Walk::kDisjoint) {
    return {&DisjointWalk::Row<R, AllLanes>, &DisjointWalk::Row<R, StreamedLanes>,
            LanesOf(R::kLanes)};
  }
  return {&GatherWalk::Row<R, AllLanes>, &GatherWalk::Row<R, StreamedLanes>,
          LanesOf(R::kLanes)};
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
  return request.task == Task::kForward ? Forward<ForwardOf<T>>()
                                        : Backward<BackwardOf<T>>(request.walk);
}

template <class T, bool kFloating>
RowKernel FindTyped(const RowRequest& request) {
#define KP_FIND_kSelects(Name) \
  return FindSelecting<Name##Forward, T, kFloating>(request);
#define KP_FIND_kBlends(Name) \
  if constexpr (kFloating)    \
    return FindBlending<Name##Forward, Name##Backward, T>(request);
#define KP_REDUCTION(Name, name, kind) \
  if (request.reduction == Reduction::k##Name) KP_FIND_##kind(Name)
#include "kernels/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
#undef KP_FIND_kSelects
#undef KP_FIND_kBlends
  return {};
}

// An empty kernel where the reduction is not defined for the type.
RowKernel FindRow(const RowRequest& request) {
  switch (request.type) {
    case ElementType::kFloat16:
      return FindTyped<Float16, true>(request);
    case ElementType::kBFloat16:
      return FindTyped<BFloat16, true>(request);
    case ElementType::kFloat32:
      return FindTyped<float, true>(request);
    case ElementType::kFloat64:
      return FindTyped<double, true>(request);
    case ElementType::kInt8:
      return FindTyped<int8_t, false>(request);
    case ElementType::kUint8:
      return FindTyped<uint8_t, false>(request);
    case ElementType::kInt16:
      return FindTyped<int16_t, false>(request);
    case ElementType::kInt32:
      return FindTyped<int32_t, false>(request);
    case ElementType::kInt64:
      return FindTyped<int64_t, false>(request);
  }
  return {};
}

MoveRowFn FindMoveRow(size_t element_size, bool pack, int64_t lanes) {
  switch (element_size) {
    case 1:
      return FindMove<uint8_t>(pack, lanes);
    case 2:
      return FindMove<uint16_t>(pack, lanes);
    case 4:
      return FindMove<uint32_t>(pack, lanes);
    default:
      return FindMove<uint64_t>(pack, lanes);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
