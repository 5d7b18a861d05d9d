// Where pooling windows fall. Plain integers: no framework, no SIMD.
#ifndef KERAS_POOLING_KERNELS_GEOMETRY_H_
#define KERAS_POOLING_KERNELS_GEOMETRY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/pool_spec.h"

namespace keras_pooling {

// Positions or windows begin … end − 1 of an axis.
struct Range {
  int64_t begin;
  int64_t end;
};

// Neighbouring positions or windows, along every axis.
struct Box {
  Range axes[kMaxRank];

  int64_t positions() const {
    int64_t count = 1;
    for (const Range& range : axes) count *= range.end - range.begin;
    return count;
  }
};

// Where a tensor's positions lie, in elements. Lanes are neighbours in memory.
struct Side {
  int64_t base;
  int64_t stride[kMaxRank];

  int64_t At(int64_t d, int64_t h, int64_t w) const {
    return base + d * stride[0] + h * stride[1] + w * stride[2];
  }
};

// One image (or one tile of packed planes), and which of its lanes to work on.
struct Frame {
  Side in;
  Side out;
  // The number of each output in the whole tensor, lane 0's and from lane to lane.
  Side index;
  int64_t index_step;
  int64_t lane_begin;
  int64_t lane_end;
};

// The part of one window, along one axis, that lies inside the input: its taps
// first_tap … first_tap + count − 1, the first of them at position `first`.
struct Span {
  int64_t first;
  int64_t first_tap;
  int64_t count;    // at least 1: no window is ever empty
  int64_t divisor;  // what an average divides by along this axis
};

// The windows that read one position: first, first + reader_step, … (count of them).
struct Readers {
  int64_t first;
  int64_t count;
};

// All windows along one axis. Position of a span's t-th tap: first + t · dilation.
// Spans begin and end in ascending order.
struct Axis {
  int64_t in = 1;
  int64_t dilation = 1;
  int64_t max_taps = 1;
  std::vector<Span> spans = {{0, 0, 1, 1}};

  // No position belongs to two windows, and a window's taps are neighbours.
  bool disjoint = true;

  // Of windows of one size (some clipped); 0 where they have more sizes or strides.
  int64_t stride = 0;

  // Per position, for gradients. Empty until IndexReaders().
  std::vector<Readers> readers;
  int64_t reader_step = 1;
  int64_t most_readers = 0;  // of any position

  // Of an adjoint: what a window divided by, for each position that it has become.
  std::vector<int64_t> input_divisors;

  int64_t out() const { return static_cast<int64_t>(spans.size()); }
  // The tap as which window `o` reads `position`, one of its own.
  int64_t TapAt(int64_t o, int64_t position) const {
    const Span& span = spans[static_cast<size_t>(o)];
    int64_t offset = position - span.first;
    if (__builtin_expect(dilation != 1, 0)) offset /= dilation;
    return span.first_tap + offset;
  }
  void IndexReaders();

  // Where windows do not overlap: the positions that window `o` is answerable for, its
  // own and the gap behind it (the first window's also the gap before it).
  Range Owned(int64_t o) const;

  // The positions that some windows read, the windows that read some positions.
  Range InputsOf(Range outputs) const;
  Range OutputsOf(Range inputs) const;
};

// One call: a spec applied to a shape. 1D and 2D are 3D with leading axes of one
// window.
struct Plan {
  int64_t batch = 0;
  int64_t channels = 0;
  bool channels_first = false;
  Axis axes[kMaxRank];
  double divisor_override = 0.0;

  int64_t in_positions() const { return axes[0].in * axes[1].in * axes[2].in; }
  int64_t out_positions() const {
    return axes[0].out() * axes[1].out() * axes[2].out();
  }
  // Taps are numbered as if every window had this many along each axis.
  int64_t max_taps() const {
    return axes[0].max_taps * axes[1].max_taps * axes[2].max_taps;
  }
};

// Whether AdjointOf() is defined: windows move by one position and are not dilated.
bool HasAdjoint(const Plan& plan);

// The other way round: its windows are the positions of `plan` and read the windows
// that read them. So the gradient of a sum is the sum of the gradient.
Plan AdjointOf(const Plan& plan);

// Where regions begin and end, per spatial axis: `rows` rows of window + 1 ascending
// edges, the first 0, the last the axis's size. One row serves all images, or each
// image has one, or each channel of each image (row image · channels + channel).
struct Regions {
  int64_t rows = 0;
  std::vector<const int64_t*> edges;
};

// `sizes` are the input's spatial sizes. Returns what is wrong, or "".
std::string MakePlan(const PoolSpec& spec, int64_t batch, int64_t channels,
                     const std::vector<int64_t>& sizes, Plan* plan);

// One plan per row of regions: for the whole batch, for each image, or for each channel
// of each image.
std::string MakePlans(const PoolSpec& spec, int64_t batch, int64_t channels,
                      const std::vector<int64_t>& sizes, const Regions& regions,
                      std::vector<Plan>* plans);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_GEOMETRY_H_
