// How each op runs. Tensors have been checked: their number, types and shapes.
#ifndef KERAS_POOLING_KERNELS_OPS_RUN_H_
#define KERAS_POOLING_KERNELS_OPS_RUN_H_

#include <string>
#include <vector>

#include "kernels/ops/op.h"

namespace keras_pooling {

// Each returns what is wrong, or "".
#define KP_RUN(Name)                                          \
  std::string Name(const BoundOp& op, const OpShapes& shapes, \
                   const std::vector<Array>& inputs,          \
                   const std::vector<Array>& outputs, const Parallel& parallel);
KP_RUN(RunForward)
KP_RUN(RunBackward)
KP_RUN(RunGatherTaps)
KP_RUN(RunParameterGradient)
KP_RUN(RunTapIndices)
KP_RUN(RunUnpool)
KP_RUN(RunUnpoolGradient)
KP_RUN(RunDraw)
#undef KP_RUN

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_RUN_H_
