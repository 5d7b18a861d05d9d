// One plan of a call with its way to run, its cutting into boxes, and the ways to share
// it out, one per kind of lanes. Knows no instruction set and no element type.
#ifndef KERAS_POOLING_KERNELS_EXECUTION_PLAN_RUN_H_
#define KERAS_POOLING_KERNELS_EXECUTION_PLAN_RUN_H_

#include "kernels/execution/call.h"
#include "kernels/targets/targets.h"

namespace keras_pooling {

// Scratch memory should stay in the second-level cache.
constexpr int64_t kTileBytes = int64_t{384} << 10;

// Whether a walk goes over windows; others go over input positions.
constexpr bool VisitsOutputs(Walk walk) {
  return walk != Walk::kGather && walk != Walk::kScatter &&
         walk != Walk::kScatterColumns;
}

// What every thread needs to know.
struct PlanRun {
  const Call& call;
  const Plan& plan;
  const Parallel& parallel;
  const Target& target;
  Walk walk;
  Kernel kernel;

  bool visits_outputs() const { return VisitsOutputs(walk); }
  int64_t visited(int i) const {
    return visits_outputs() ? plan.axes[i].out() : plan.axes[i].in();
  }
  int64_t visited_positions() const { return visited(0) * visited(1) * visited(2); }
  int64_t element_size() const { return ElementSize(call.type); }
  int64_t math_size() const { return ElementSize(MathTypeOf(call.type)); }

  // Whether boxes reach into their neighbours by scratch memory, so that many small
  // ones would do much work twice.
  bool reaches() const { return walk == Walk::kScatter || walk == Walk::kSeparable; }

  // Whether input and output are so large that what is written had better not go
  // through the caches.
  bool streams() const;
  // Whether a box of the input had better be read once, as it lies in memory, before
  // its windows are reduced out of the cache.
  bool reads_first() const;
  int64_t bytes() const;  // of input and output

  // Nanoseconds for one visited position of `lanes` lanes, roughly: the taps of all
  // windows, shared out among the positions that are visited for them.
  int64_t Cost(int64_t lanes) const;
};

// The visited positions of one image, cut into boxes of one size (the last may be
// smaller).
class Tiling {
 public:
  explicit Tiling(const PlanRun& run);  // one box

  int64_t boxes() const { return counts_[0] * counts_[1] * counts_[2]; }
  Box BoxOf(int64_t index) const;
  // Cuts boxes in halves, rows before columns; false if there is nothing left to cut
  // that is longer than `windows` windows that overlap.
  bool Split(double windows);
  // Of the box that needs most.
  int64_t ScratchBytes(int64_t lanes) const;

 private:
  const PlanRun* run_;
  int64_t sizes_[kMaxRank];   // of a box
  int64_t counts_[kMaxRank];  // of boxes
};

// Positions of image or plane `index`, of d · h · w positions of `lanes` lanes each.
inline Strides StridesOf(int64_t index, int64_t d, int64_t h, int64_t w,
                         int64_t lanes) {
  return {index * d * h * w * lanes, {h * w * lanes, w * lanes, lanes}};
}

void ShareChannelsLast(const PlanRun& run);
void ShareChannelsFirst(const PlanRun& run);
void ShareColumns(const PlanRun& run);  // planes too, where lanes are columns

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_EXECUTION_PLAN_RUN_H_
