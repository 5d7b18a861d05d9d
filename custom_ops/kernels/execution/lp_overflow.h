// The gradient of lp pooling of halves where a norm was too large to be stored.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_LP_OVERFLOW_H_
#define KERAS_POOLING_KERNELS_EXECUTION_LP_OVERFLOW_H_

#include "kernels/execution/call.h"

namespace keras_pooling {

// Whether a call is such a gradient, and some y is infinite: perhaps because no half
// could hold it.
bool MayHaveOverflowed(const Call& call);

// Makes those elements of dx again whose windows' y is infinite though no x of theirs
// is.
void MendOverflow(const Call& call, const Plan& plan, const Parallel& parallel);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_LP_OVERFLOW_H_
