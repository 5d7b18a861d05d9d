// What a kernel is asked to do, and the tensors and numbers it is given. No SIMD, no
// framework.
#ifndef KERAS_POOLING_KERNELS_REDUCERS_OPERANDS_H_
#define KERAS_POOLING_KERNELS_REDUCERS_OPERANDS_H_

#include <cstdint>

#include "kernels/spec/element_types.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling {

enum class Task {
  kForward,     // x → y, taps (taps only where asked for and the reduction selects)
  kBackward,    // dy, taps → dx for selecting reductions and mixed; dy, x, y → dx for
                // others (avg needs dy alone)
  kGatherTaps,  // x, taps → y: the tap that `taps` names, of another tensor
  kParameterGradient,  // x → y: the output's derivative by the reduction's parameter
  kPrepare,  // x → y, norms, or where y is saved y → norms: what kBackward reads of
             // each window beside x and dy
};

// What some reducers need to know, besides where their operands are.
struct Parameters {
  double p = 2.0;             // lp
  double epsilon = 1e-6;      // gem
  uint32_t seed[2] = {0, 0};  // stochastic
  // Of reductions that learn: one number in the type of calculations, or one for each
  // of `period` lanes, where an offset's lane is its remainder.
  const void* learned = nullptr;
  int64_t period = 1;
  // Of reducers that serve several: the call's.
  ElementType type = ElementType::kFloat32;
  TapType tap_type = TapType::kNone;
  Task task = Task::kForward;
};

// Each is laid out as the plan says: x and dx over input positions, y, dy and taps over
// output positions. Only those that the task needs are set.
struct Operands {
  const void* x = nullptr;
  void* y = nullptr;
  void* taps = nullptr;
  const void* dy = nullptr;
  void* dx = nullptr;
  void* norms = nullptr;  // over output positions too
  Parameters parameters;
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_REDUCERS_OPERANDS_H_
