// What runs and how, for whoever asks: KERAS_POOLING_VERBOSE=1.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_LOG_H_
#define KERAS_POOLING_KERNELS_EXECUTION_LOG_H_

#include "kernels/execution/walk_choice.h"

namespace keras_pooling {

// With KERAS_POOLING_VERBOSE=1 in the environment, every distinct call is logged once.
bool IsVerbose();

// Writes a line to standard error, once per distinct line.
void LogCall(const Call& call, const Plan& plan, const Target& target,
             const WalkChoice& choice);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_LOG_H_
