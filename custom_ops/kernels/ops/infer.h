// How the shapes of an op's tensors follow from one another.
#ifndef KERAS_POOLING_KERNELS_OPS_INFER_H_
#define KERAS_POOLING_KERNELS_OPS_INFER_H_

#include <string>
#include <vector>

#include "kernels/ops/op.h"

namespace keras_pooling {

// As messages call a tensor.
const char* NameOf(Role role);

// Of ops with windows, of those that know planes alone, and of the one that draws
// regions. Each returns what is wrong, or "".
std::string InferPool(const BoundOp& op, const std::vector<Array>& inputs,
                      OpShapes* shapes);
std::string InferUnpool(const BoundOp& op, const std::vector<Array>& inputs,
                        OpShapes* shapes);
std::string InferEdges(const BoundOp& op, const std::vector<Array>& inputs,
                       OpShapes* shapes);

// The integers of a tensor of int32 or int64.
std::vector<int64_t> IntegersOf(const Array& array);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_INFER_H_
