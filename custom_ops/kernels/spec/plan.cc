#include "kernels/spec/plan.h"

#include <algorithm>

#include "kernels/spec/geometry.h"
#include "kernels/spec/integers.h"

namespace keras_pooling {
namespace {

// The axes that row `row` of the regions gives; other windows are the same in all rows.
std::string MakeAxes(const PoolSpec& spec, const std::vector<int64_t>& sizes,
                     const Regions& regions, int64_t row, Plan* plan) {
  const int rank = spec.rank();
  int64_t taps = 1;
  for (int i = 0; i < rank; ++i) {
    Axis& axis = plan->axes[kMaxRank - rank + i];
    const auto at = static_cast<size_t>(i);
    int64_t out = 0;
    std::string error = OutputSize(spec, i, sizes[at], &out);
    if (!error.empty()) return error;
    const int64_t* edges = regions.edges.empty() ? nullptr : regions.edges[at];
    if (edges != nullptr) edges += row * (out + 1);
    error = RuleOf(spec.geometry).make_axis(spec, i, sizes[at], out, edges, &axis);
    if (!error.empty()) return error;
    if (!Multiply(taps, axis.max_taps(), &taps)) {
      return "a window has more than 2^63 taps. Use a smaller window, or global "
             "pooling";
    }
  }
  return "";
}

}  // namespace

bool HasAdjoint(const Plan& plan) {
  return std::all_of(plan.axes, plan.axes + kMaxRank,
                     [](const Axis& axis) { return axis.HasAdjoint(); });
}

Plan AdjointOf(const Plan& plan) {
  Plan adjoint = plan;
  for (int i = 0; i < kMaxRank; ++i) adjoint.axes[i] = plan.axes[i].Adjoint();
  return adjoint;
}

std::string MakePlans(const PoolSpec& spec, int64_t batch, int64_t channels,
                      const std::vector<int64_t>& sizes, const Regions& regions,
                      std::vector<Plan>* plans) {
  plans->clear();
  if (static_cast<int>(sizes.size()) != spec.rank()) {
    return "the input has " + std::to_string(sizes.size()) +
           " spatial axes, the window has " + std::to_string(spec.rank());
  }
  if (batch == 0 || channels == 0) return "";
  const bool is_per_image = regions.rows == batch;
  if (regions.rows != 1 && !is_per_image && regions.rows != batch * channels) {
    return "regions must have 1 row, one per image (" + std::to_string(batch) +
           ") or one per channel of each image (" + std::to_string(batch * channels) +
           "). Received " + std::to_string(regions.rows) + " rows";
  }
  for (int64_t row = 0; row < regions.rows; ++row) {
    Plan plan;
    plan.images = {0, batch};
    plan.channels = {0, channels};
    plan.all_channels = channels;
    plan.channels_first = spec.channels_first;
    plan.divisor_override = spec.divisor_override;
    if (regions.rows > 1) {
      const int64_t image = is_per_image ? row : row / channels;
      plan.images = {image, image + 1};
      if (!is_per_image) plan.channels = {row % channels, row % channels + 1};
    }
    const std::string error = MakeAxes(spec, sizes, regions, row, &plan);
    if (!error.empty()) return error;
    plans->push_back(std::move(plan));
  }
  return "";
}

}  // namespace keras_pooling
