// Which walk suits a plan, and why not another. Knows no instruction set and no element
// type.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_WALK_CHOICE_H_
#define KERAS_POOLING_KERNELS_EXECUTION_WALK_CHOICE_H_

#include <string>

#include "kernels/execution/call.h"
#include "kernels/targets/targets.h"

namespace keras_pooling {

struct WalkChoice {
  Walk walk;
  Kernel kernel;         // null if the reduction is not defined for the call's type
  std::string declined;  // the walks that were not taken, and why; if it was asked for
};

WalkChoice ChooseWalk(const Call& call, const Plan& plan, const Target& target,
                      bool explains);

// "one axis at a time"
const char* NameOf(Walk walk);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_WALK_CHOICE_H_
