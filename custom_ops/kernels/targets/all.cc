// What each instruction set offers to the table in targets.cc. The kernels are
// compiled in files of their own, one for every family of reducers.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/all.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/simd/transpose-inl.h"
#include "kernels/targets/targets.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindSelectGradient(const KernelRequest& request);
#define KP_REDUCTION(Name, ...) Kernel Find##Name(const KernelRequest& request);
#include "kernels/spec/reductions.inc"
#undef KP_REDUCTION

// An empty kernel where the reduction is not defined for the type.
Kernel FindKernel(const KernelRequest& request) {
  const bool selects = InfoOf(request.reduction).kind == ReductionKind::kSelects;
  if (selects && request.task != Task::kForward) return FindSelectGradient(request);
  switch (request.reduction) {
#define KP_REDUCTION(Name, ...) \
  case Reduction::k##Name:      \
    return Find##Name(request);
#include "kernels/spec/reductions.inc"
#undef KP_REDUCTION
  }
  return {};
}

MoveRowFn FindMoveRow(int64_t element_size, bool pack, int64_t lanes) {
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
