#include "kernels/execution/plan_run.h"

#include <algorithm>

#include "kernels/spec/integers.h"

namespace keras_pooling {

int64_t PlanRun::bytes() const {
  const int64_t positions = plan.in_positions() + plan.out_positions();
  return plan.planes() * positions * element_size();
}

bool PlanRun::streams() const {
  // The next layer may find up to about 8 MiB of results in a shared cache of 32 MiB. A
  // step of training that handles more than this gains by sparing the cache.
  return bytes() > int64_t{12} << 20;
}

bool PlanRun::reads_first() const {
#if defined(__x86_64__)
  // Intel's cores follow several rows at a time, AMD's do not.
  if (__builtin_cpu_is("intel")) return false;
#endif
  // Who made a small input has left it in a cache, and not much is lost if that is
  // wrong. But to keep taps is so much work for each that few reads are under way at a
  // time: an input that is in no near cache after all would be waited for.
  return call.operands.taps != nullptr || bytes() > int64_t{2} << 20;
}

int64_t PlanRun::Cost(int64_t lanes) const {
  double steps = 1.0;
  if (walk == Walk::kScatter || walk == Walk::kScatterColumns) {
    // One addition, lane by lane, for every output.
    steps = 8.0 * static_cast<double>(plan.out_positions()) /
            static_cast<double>(plan.in_positions());
  } else {
    for (int i = 0; i < kMaxRank; ++i) {
      steps *= plan.axes[i].reads() / static_cast<double>(visited(i));
    }
  }
  constexpr double kMostNanoseconds = 1e15;
  return 5 + static_cast<int64_t>(std::min(
                 (steps + 1.0) * static_cast<double>(lanes) * 0.1, kMostNanoseconds));
}

Tiling::Tiling(const PlanRun& run) : run_(&run) {
  for (int i = 0; i < kMaxRank; ++i) {
    sizes_[i] = run.visited(i);
    counts_[i] = 1;
  }
}

Box Tiling::BoxOf(int64_t index) const {
  Box box;
  for (int i = kMaxRank - 1; i >= 0; --i) {
    const int64_t begin = index % counts_[i] * sizes_[i];
    box.axes[i] = {begin, std::min(begin + sizes_[i], run_->visited(i))};
    index /= counts_[i];
  }
  return box;
}

bool Tiling::Split(double windows) {
  for (int i = 0; i < kMaxRank; ++i) {
    const Axis& axis = run_->plan.axes[i];
    const double taps = axis.is_disjoint() ? 0.0 : static_cast<double>(axis.max_taps());
    if (sizes_[i] == 1 || static_cast<double>(sizes_[i]) <= windows * taps) continue;
    sizes_[i] = CeilDiv(sizes_[i], 2);
    counts_[i] = CeilDiv(run_->visited(i), sizes_[i]);
    return true;
  }
  return false;
}

int64_t Tiling::ScratchBytes(int64_t lanes) const {
  if (run_->kernel.scratch_bytes == nullptr) return 0;
  int64_t most = 0;
  for (int64_t i = 0; i < boxes(); ++i) {
    most = std::max(most, run_->kernel.scratch_bytes(run_->plan, BoxOf(i), lanes));
  }
  return most;
}

}  // namespace keras_pooling
