// Values at their flat indices in a plane of zeros, and the gradient of that. Knows no
// window and no instruction set.
#ifndef KERAS_POOLING_KERNELS_OPS_UNPOOL_H_
#define KERAS_POOLING_KERNELS_OPS_UNPOOL_H_

#include <string>

#include "kernels/execution/parallel.h"
#include "kernels/ops/array.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling {

// x holds each y at its index in the image's spatial plane, and zeros elsewhere. Of
// values with one index the last in row-major order stays. Returns what is wrong (an
// index outside the plane), or "".
std::string Unpool(const PoolSpec& spec, const Array& y, const Array& indices,
                   const Array& x, const Parallel& parallel);

// dy holds the dx at each index, and 0 where a later value has the same one.
std::string UnpoolGradient(const PoolSpec& spec, const Array& dx, const Array& indices,
                           const Array& dy, const Parallel& parallel);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_UNPOOL_H_
