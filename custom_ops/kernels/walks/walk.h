// What a walk is: its name, what it is given and what it offers. No SIMD, no framework.
#ifndef KERAS_POOLING_KERNELS_WALKS_WALK_H_
#define KERAS_POOLING_KERNELS_WALKS_WALK_H_

#include <cstdint>

#include "kernels/reducers/operands.h"
#include "kernels/spec/plan.h"

namespace keras_pooling {

// The ways to loop over windows.
enum class Walk {
  kReduce,          // every output reduces its window (reduce-inl.h)
  kSeparable,       // as kReduce, one axis at a time (separable-inl.h)
  kGather,          // every input gathers from the windows that read it (gather-inl.h)
  kDisjoint,        // every output writes its own taps (disjoint-inl.h)
  kScatter,         // every output adds to the tap that won (scatter-inl.h)
  kScatterColumns,  // the same of planes, where lanes are columns
  kAdjoint,         // a sum of gradients, as kSeparable (separable-inl.h)
};

// Where a tensor's positions lie, in elements. Lanes are neighbours in memory.
struct Strides {
  int64_t base;
  int64_t stride[kMaxRank];

  int64_t At(int64_t d, int64_t h, int64_t w) const {
    return base + d * stride[0] + h * stride[1] + w * stride[2];
  }
};

// One image (or one tile of packed planes), and which of its lanes to work on. Where
// columns are lanes, the first plane, and which planes.
struct TileView {
  Strides in;
  Strides out;
  // The number of each output in the whole tensor, lane 0's and from lane to lane.
  Strides index;
  int64_t index_step;
  int64_t lane_begin;
  int64_t lane_end;
  bool reads_first;  // whether a box is read into the cache before it is reduced
  bool streams;      // whether results are written past the caches
};

// Visits the positions `box`, on the view's lanes, with scratch memory to work in: as
// many bytes as the other function says.
using WalkBoxFn = void (*)(const Plan& plan, const Operands& operands,
                           const TileView& view, const Box& box, void* scratch);
using ScratchFn = int64_t (*)(const Plan& plan, const Box& box, int64_t lanes);

// A walk with a reducer, compiled for one instruction set.
struct Kernel {
  WalkBoxFn run = nullptr;
  ScratchFn scratch_bytes = nullptr;  // null where none are needed
  int64_t lanes = 0;                  // of one vector
  bool can_stream = false;            // write past the caches, if the view says so
};

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_WALKS_WALK_H_
