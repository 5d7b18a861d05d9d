// Which way to loop over windows suits a plan, and why not another. Knows no
// instruction set and no element type.
#ifndef KERAS_POOLING_KERNELS_STRATEGY_H_
#define KERAS_POOLING_KERNELS_STRATEGY_H_

#include <string>

#include "kernels/targets.h"

namespace keras_pooling {

// Whether positions of a channel are neighbours. With one channel they are in both
// layouts.
bool ArePlanes(const Plan& plan);

struct Strategy {
  Walk walk;
  Kernel kernel;         // null if the reduction is not defined for the call's type
  std::string declined;  // the ways that were not taken, and why; if it was asked for
};

Strategy ChooseStrategy(const Call& call, const Plan& plan, const Target& target,
                        bool explains);

// With KERAS_POOLING_VERBOSE=1 in the environment, every distinct call is logged once.
bool IsVerbose();

// Writes to standard error what runs and how, once per distinct line.
void LogCall(const Call& call, const Plan& plan, const Target& target,
             const Strategy& strategy);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_STRATEGY_H_
