// What each instruction set offers to the table in targets.cc. The kernels are
// compiled in files of their own (kernels_*.cc), so that a build can share them out.
// Compiled once per instruction set.
#include "kernels/simd/highway_targets.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets/pool_targets.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep; must come before highway.h
#include "kernels/simd/transpose-inl.h"
#include "kernels/targets/targets.h"

HWY_BEFORE_NAMESPACE();
namespace keras_pooling {
namespace HWY_NAMESPACE {

Kernel FindKernel(const KernelRequest& request) {
  switch (request.type) {
    case ElementType::kFloat32:
    case ElementType::kFloat64:
      return FindFloatKernel(request);
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
      return FindHalfKernel(request);
    default:
      return FindIntKernel(request);
  }
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

void StreamBytes(const void* from, void* to, int64_t bytes) {
  Stream(static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to), bytes);
}

}  // namespace HWY_NAMESPACE
}  // namespace keras_pooling
HWY_AFTER_NAMESPACE();
