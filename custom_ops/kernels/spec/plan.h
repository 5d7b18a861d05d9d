// A spec applied to a shape: where each window of a call falls. Plain integers: no
// framework, no SIMD.
#ifndef KERAS_POOLING_KERNELS_SPEC_PLAN_H_
#define KERAS_POOLING_KERNELS_SPEC_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/spec/axis.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling {

// Neighbouring positions or windows, along every axis.
struct Box {
  Range axes[kMaxRank];

  int64_t positions() const {
    int64_t count = 1;
    for (const Range& range : axes) count *= range.size();
    return count;
  }
};

// The windows of some images and channels of a tensor: of all of them, mostly. 1D and
// 2D are 3D with leading axes of one window.
struct Plan {
  Range images = {0, 0};
  Range channels = {0, 0};
  int64_t all_channels = 0;  // that the tensor has
  bool channels_first = false;
  Axis axes[kMaxRank];
  double divisor_override = 0.0;

  int64_t planes() const { return images.size() * channels.size(); }
  int64_t in_positions() const { return axes[0].in() * axes[1].in() * axes[2].in(); }
  int64_t out_positions() const {
    return axes[0].out() * axes[1].out() * axes[2].out();
  }
  // Taps are numbered as if every window had this many along each axis.
  int64_t max_taps() const {
    return axes[0].max_taps() * axes[1].max_taps() * axes[2].max_taps();
  }
  // Whether positions of a channel are neighbours: with one channel they are in both
  // layouts.
  bool has_planes() const { return channels_first || all_channels == 1; }
};

// Whether AdjointOf() is defined, which see.
bool HasAdjoint(const Plan& plan);

// The other way round: its windows are the positions of `plan` and read the windows
// that read them. So the gradient of a sum is the sum of the gradient.
Plan AdjointOf(const Plan& plan);

// Where regions begin and end, per spatial axis: `rows` rows of window + 1 ascending
// edges, the first 0, the last the axis's size. One row serves all images, or each
// image has one, or each channel of each image (row image · channels + channel).
struct Regions {
  int64_t rows = 1;
  std::vector<const int64_t*> edges;
};

// A call's plans: one for all, or one for each row of regions. `sizes` are the input's
// spatial sizes. There is none where batch · channels is 0. Returns what is wrong, or
// "".
std::string MakePlans(const PoolSpec& spec, int64_t batch, int64_t channels,
                      const std::vector<int64_t>& sizes, const Regions& regions,
                      std::vector<Plan>* plans);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_PLAN_H_
