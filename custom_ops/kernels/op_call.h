// Runs a registered op: from any framework's tensors to the kernels. No framework.
#ifndef KERAS_POOLING_KERNELS_OP_CALL_H_
#define KERAS_POOLING_KERNELS_OP_CALL_H_

#include <string>
#include <vector>

#include "kernels/op_shapes.h"
#include "kernels/parallel.h"

namespace keras_pooling {

// `shapes` is what FindShapes() found for `inputs`. Computes `outputs`, of which the
// last may be left out. Returns what is wrong, or "".
std::string RunOp(const OpInfo& op, const PoolSpec& spec, const OpShapes& shapes,
                  const std::vector<Array>& inputs, const std::vector<Array>& outputs,
                  const Parallel& parallel);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OP_CALL_H_
