// What every thread of one call needs to know, and the ways to share work out, one
// per kind of lanes. Knows no instruction set and no element type.
#ifndef KERAS_POOLING_KERNELS_JOB_H_
#define KERAS_POOLING_KERNELS_JOB_H_

#include "kernels/targets.h"

namespace keras_pooling {

// Scratch memory should stay in the second-level cache.
constexpr int64_t kTileBytes = int64_t{384} << 10;

// Of scratch memory and of what is written past the caches.
constexpr int64_t kAlignment = 64;

size_t ElementSize(ElementType type);
size_t TapSize(TapType type);

// Part of a call (one plan) with its way to run, and what every thread needs of them.
struct Job {
  const Call& call;
  const Plan& plan;
  Operands operands;    // of the part
  Range lanes;          // of each position, with channels_last
  int64_t first_index;  // of the part's outputs in the whole tensor
  const Parallel& parallel;
  const Target& target;
  Walk walk;
  Kernel kernel;

  bool visits_outputs() const {
    return walk != Walk::kGather && walk != Walk::kScatter &&
           walk != Walk::kScatterColumns;
  }
  int64_t visited(int i) const {
    return visits_outputs() ? plan.axes[i].out() : plan.axes[i].in;
  }
  int64_t visited_positions() const { return visited(0) * visited(1) * visited(2); }

  // Whether input and output are far larger than caches: then what is written had
  // better not go through them.
  bool Streams() const;

  // Nanoseconds for one visited position of `lanes` lanes, roughly: the taps of all
  // windows, shared out among the positions that are visited for them.
  int64_t Cost(int64_t lanes) const;
};

// The visited positions of one image, cut into boxes of one size (the last may be
// smaller).
class Tiling {
 public:
  explicit Tiling(const Job& job);  // one box

  int64_t boxes() const { return counts_[0] * counts_[1] * counts_[2]; }
  Box BoxOf(int64_t index) const;
  // Cuts boxes in halves, rows before columns; false if there is nothing left to cut
  // that is longer than `windows` windows that overlap.
  bool Split(double windows);
  // Of the box that needs most.
  int64_t ScratchBytes(int64_t lanes) const;

 private:
  const Job* job_;
  int64_t sizes_[kMaxRank];   // of a box
  int64_t counts_[kMaxRank];  // of boxes
};

// All return false if there was no memory for scratch space.
bool DriveChannelsLast(const Job& job);
bool DriveChannelsFirst(const Job& job);
bool DriveColumns(const Job& job);  // channels_first too, where lanes are columns

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_JOB_H_
