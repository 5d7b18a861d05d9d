// The entry to the kernels: one call, its operands, and the instruction set that runs
// it. No framework.
#ifndef KERAS_POOLING_KERNELS_KERNEL_H_
#define KERAS_POOLING_KERNELS_KERNEL_H_

#include <string>
#include <vector>

#include "kernels/geometry.h"
#include "kernels/parallel.h"
#include "kernels/pool_spec.h"

namespace keras_pooling {

enum class Task {
  kForward,   // x → y, taps (taps only where asked for and the reduction selects)
  kBackward,  // dy, taps → dx for selecting reductions; dy (, x, y) → dx for others
  kPick,      // x, taps → y: the tap that `taps` names, of another tensor
};

// Each is laid out as the plan says: x and dx over input positions, y, dy and taps over
// output positions. Only those that the task needs are set.
struct Operands {
  const void* x = nullptr;
  void* y = nullptr;
  void* taps = nullptr;
  const void* dy = nullptr;
  void* dx = nullptr;
};

struct Call {
  Task task = Task::kForward;
  Reduction reduction = Reduction::kMax;
  ElementType type = ElementType::kFloat32;
  TapType tap_type = TapType::kNone;
  Plan* plan = nullptr;
  Operands operands;
  const Parallel* parallel = nullptr;
};

// Runs `call` on the active target. Returns what is wrong, or "".
std::string Run(const Call& call);

// Flat index of each output's winning tap in its image's spatial plane. `indices` is
// int64 or int32 by `wide`. Returns what is wrong (a tap outside its window), or "".
std::string TapIndices(const Plan& plan, TapType tap_type, const void* taps, bool wide,
                       void* indices, const Parallel& parallel);

// The instruction sets that this machine can run, best first, by name.
std::vector<std::string> SupportedTargets();

// The name of the one in use: the best, unless KERAS_POOLING_TARGET or ForceTarget()
// names another. "" while KERAS_POOLING_TARGET names none of them; then TargetError()
// says so, and Run() returns that.
std::string ActiveTarget();
std::string TargetError();

// For tests. Returns what is wrong, or "".
std::string ForceTarget(const std::string& name);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_KERNEL_H_
