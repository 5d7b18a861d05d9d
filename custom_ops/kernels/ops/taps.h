// The numbers of winning taps: whether they lie in their windows, and where in the
// image. Knows no instruction set.
#ifndef KERAS_POOLING_KERNELS_OPS_TAPS_H_
#define KERAS_POOLING_KERNELS_OPS_TAPS_H_

#include <string>
#include <vector>

#include "kernels/execution/parallel.h"
#include "kernels/ops/array.h"
#include "kernels/spec/plan.h"

namespace keras_pooling {

// kNone if taps are never stored as `type`.
TapType TapTypeOf(ElementType type);

// Whether every tap lies in its window, and neither in the padding nor where a smaller
// window ends before. Returns what is wrong, or "".
std::string CheckTaps(std::vector<Plan>& plans, TapType type, const void* taps,
                      const Parallel& parallel);

// Flat index of each output's winning tap in its image's spatial plane, as int32 or
// int64. Returns what is wrong (a tap outside its window), or "".
std::string TapIndices(std::vector<Plan>& plans, TapType type, const void* taps,
                       const Array& indices, const Parallel& parallel);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_TAPS_H_
