// Whether taps lie in their windows. Knows no instruction set.
#ifndef KERAS_POOLING_KERNELS_OPS_TAPS_IN_WINDOWS_H_
#define KERAS_POOLING_KERNELS_OPS_TAPS_IN_WINDOWS_H_

#include <vector>

#include "kernels/execution/parallel.h"
#include "kernels/spec/plan.h"

namespace keras_pooling {

// The plans are of one whole tensor.
bool LieInWindows(std::vector<Plan>& plans, TapType type, const void* taps,
                  const Parallel& parallel);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_TAPS_IN_WINDOWS_H_
