// How rows of planes move to lanes of scratch memory and back. No SIMD, no framework.
#ifndef KERAS_POOLING_KERNELS_SIMD_PLANE_ROW_H_
#define KERAS_POOLING_KERNELS_SIMD_PLANE_ROW_H_

#include <cstdint>

namespace keras_pooling {

// A row of `width` elements in each of `planes` planes ↔ `width` groups of `lanes`
// lanes in scratch memory. Lanes beyond `planes` repeat the last plane, and are dropped
// on the way back.
struct PlaneRow {
  int64_t plane_stride;
  int64_t planes;
  int64_t lanes;
  int64_t width;
  bool is_streamed;  // on the way back, past the caches
};
using MoveRowFn = void (*)(const PlaneRow& row, void* tensor, void* scratch);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SIMD_PLANE_ROW_H_
