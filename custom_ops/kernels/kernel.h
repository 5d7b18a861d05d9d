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
  kBackward,  // dy, taps → dx for selecting reductions; dy, x, y → dx for others (avg
              // needs dy alone)
  kPick,      // x, taps → y: the tap that `taps` names, of another tensor
};

// Numbers that some reductions need.
struct Parameters {
  double p = 2.0;             // lp
  uint32_t seed[2] = {0, 0};  // stochastic
};

// Each is laid out as the plan says: x and dx over input positions, y, dy and taps over
// output positions. Only those that the task needs are set.
struct Operands {
  const void* x = nullptr;
  void* y = nullptr;
  void* taps = nullptr;
  const void* dy = nullptr;
  void* dx = nullptr;
  Parameters parameters;
};

struct Call {
  Task task = Task::kForward;
  Reduction reduction = Reduction::kMax;
  ElementType type = ElementType::kFloat32;
  TapType tap_type = TapType::kNone;
  // One for all, or one per image, or per channel of each image; see MakePlans().
  std::vector<Plan>* plans = nullptr;
  int64_t batch = 0;
  int64_t channels = 0;
  Operands operands;
  const Parallel* parallel = nullptr;
};

// Runs `call` on the active target. Returns what is wrong, or "".
std::string Run(const Call& call);

// Flat index of each output's winning tap in its image's spatial plane. `indices` is
// int64 or int32 by `wide`. Returns what is wrong (a tap outside its window), or "".
std::string TapIndices(const std::vector<Plan>& plans, int64_t batch, int64_t channels,
                       TapType tap_type, const void* taps, bool wide, void* indices,
                       const Parallel& parallel);

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
