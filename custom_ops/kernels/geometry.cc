#include "kernels/geometry.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace keras_pooling {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Windows of one size at one stride, clipped to the input.
std::string SlidingSpans(const PoolSpec& spec, int axis_index, int64_t out,
                         Axis* axis) {
  AxisSpec window = spec.axes[static_cast<size_t>(axis_index)];
  const int64_t extent = (window.window - 1) * window.dilation + 1;
  if (spec.padding == Padding::kSame) {
    const int64_t total =
        std::max<int64_t>((out - 1) * window.stride + extent - axis->in, 0);
    window.pad_before = total / 2;
    window.pad_after = total - total / 2;
  }
  axis->dilation = window.dilation;
  for (int64_t o = 0; o < out; ++o) {
    const int64_t start = o * window.stride - window.pad_before;
    const int64_t first_tap = start < 0 ? CeilDiv(-start, window.dilation) : 0;
    const auto taps_before = [&](int64_t end) {  // taps at positions < end
      return end <= start
                 ? 0
                 : std::min(window.window, CeilDiv(end - start, window.dilation));
    };
    const int64_t count = taps_before(axis->in) - first_tap;
    if (count < 1) {
      return "window " + std::to_string(o) + " of spatial axis " +
             std::to_string(axis_index) + " (size " + std::to_string(axis->in) +
             ") holds no input: the dilation steps over it. Use a smaller dilation "
             "or less padding";
    }
    const int64_t divisor =
        spec.count_include_pad ? taps_before(axis->in + window.pad_after) : count;
    axis->spans.push_back(
        {start + first_tap * window.dilation, first_tap, count, divisor});
  }
  return "";
}

// Windows that share the input out as evenly as integers allow.
void AdaptiveSpans(int64_t out, Axis* axis) {
  // i · in overflows int64 only for tensors that no memory holds (out is below 2³¹).
  for (int64_t i = 0; i < out; ++i) {
    const int64_t first = i * axis->in / out;
    const int64_t count = CeilDiv((i + 1) * axis->in, out) - first;
    axis->spans.push_back({first, 0, count, count});
  }
}

}  // namespace

void Axis::IndexReaders() {
  // Unclipped ends, since clipping a dilated window to its raster can swap the order.
  const auto first = [this](int64_t o) {
    const Span& span = spans[static_cast<size_t>(o)];
    return span.first - span.first_tap * dilation;
  };
  const auto last = [this, first](int64_t o) {
    const Span& span = spans[static_cast<size_t>(o)];
    return dilation == 1 ? span.first + span.count - 1
                         : first(o) + (max_taps - 1) * dilation;
  };
  // Of the windows that reach over a position, a dilated one reads it only if it lies
  // on the window's own raster. Rasters recur with a fixed period in o.
  const int64_t stride = out() > 1 ? first(out() - 1) - first(out() - 2) : 1;
  reader_step = dilation / std::gcd(std::max<int64_t>(stride, 1), dilation);
  readers.resize(static_cast<size_t>(in));
  int64_t begin = 0;  // windows that reach over position i: [begin, end)
  int64_t end = 0;
  for (int64_t i = 0; i < in; ++i) {
    while (begin < out() && last(begin) < i) ++begin;
    while (end < out() && first(end) <= i) ++end;
    int64_t o = begin;
    while (o < end && (i - first(o)) % dilation != 0) ++o;
    const int64_t count = o < end ? (end - 1 - o) / reader_step + 1 : 0;
    readers[static_cast<size_t>(i)] = {o, count};
    most_readers = std::max(most_readers, count);
  }
}

Range Axis::Owned(int64_t o) const {
  const auto first = [this](int64_t i) { return spans[static_cast<size_t>(i)].first; };
  return {o == 0 ? 0 : first(o), o + 1 == out() ? in : first(o + 1)};
}

Range Axis::InputsOf(Range outputs) const {
  Range inputs = {in, 0};
  for (int64_t o = outputs.begin; o < outputs.end; ++o) {
    const Span& span = spans[static_cast<size_t>(o)];
    inputs.begin = std::min(inputs.begin, span.first);
    inputs.end = std::max(inputs.end, span.first + (span.count - 1) * dilation + 1);
  }
  return inputs;
}

Range Axis::OutputsOf(Range inputs) const {
  Range outputs = {out(), 0};
  for (int64_t i = inputs.begin; i < inputs.end; ++i) {
    const Readers& all = readers[static_cast<size_t>(i)];
    if (all.count == 0) continue;
    outputs.begin = std::min(outputs.begin, all.first);
    outputs.end = std::max(outputs.end, all.first + (all.count - 1) * reader_step + 1);
  }
  return outputs.end == 0 ? Range{0, 0} : outputs;
}

namespace {

// Regions between neighbouring edges, none of which is taken on trust.
std::string RegionSpans(const int64_t* edges, int64_t out, bool overlapping,
                        Axis* axis) {
  if (edges[0] != 0 || edges[out] != axis->in) {
    return "regions must begin at 0 and end at the axis's size " +
           std::to_string(axis->in) + ". Received edges from " +
           std::to_string(edges[0]) + " to " + std::to_string(edges[out]);
  }
  axis->max_taps = 1;
  for (int64_t o = 0; o < out; ++o) {
    if (edges[o + 1] <= edges[o] || edges[o + 1] > axis->in) {
      return "regions must have ascending edges. Received " + std::to_string(edges[o]) +
             " before " + std::to_string(edges[o + 1]);
    }
    const int64_t end = std::min(edges[o + 1] + (overlapping ? 1 : 0), axis->in);
    axis->spans.push_back({edges[o], 0, end - edges[o], end - edges[o]});
    axis->max_taps = std::max(axis->max_taps, end - edges[o]);
  }
  return "";
}

// A plan from row `row` of the regions, if the spec's windows are regions.
std::string PlanOfRow(const PoolSpec& spec, int64_t batch, int64_t channels,
                      const std::vector<int64_t>& sizes, const Regions& regions,
                      int64_t row, Plan* plan) {
  const int rank = spec.rank();
  if (static_cast<int>(sizes.size()) != rank) {
    return "the input has " + std::to_string(sizes.size()) +
           " spatial axes, the window has " + std::to_string(rank);
  }
  plan->batch = batch;
  plan->channels = channels;
  plan->channels_first = spec.channels_first;
  plan->divisor_override = spec.divisor_override;
  int64_t taps = 1;
  for (int i = 0; i < rank; ++i) {
    Axis& axis = plan->axes[kMaxRank - rank + i];
    const auto at = static_cast<size_t>(i);
    axis.in = sizes[at];
    int64_t out = 0;
    std::string error = OutputSize(spec, i, axis.in, &out);
    if (!error.empty()) return error;
    axis.spans.clear();
    axis.spans.reserve(static_cast<size_t>(out));
    if (spec.geometry == Geometry::kRegions) {
      error = RegionSpans(regions.edges[at] + row * (out + 1), out, spec.overlapping,
                          &axis);
    } else {
      axis.max_taps = MaxTaps(spec, i, axis.in);
      if (spec.geometry == Geometry::kAdaptive) {
        AdaptiveSpans(out, &axis);
      } else {
        error = SlidingSpans(spec, i, out, &axis);
      }
    }
    if (!error.empty()) return error;
    if (axis.max_taps > std::numeric_limits<int32_t>::max() / taps) {
      return "a window has more than 2147483647 taps. Use a smaller window, or global "
             "pooling";
    }
    taps *= axis.max_taps;
    if (spec.geometry == Geometry::kSliding) axis.stride = spec.axes[at].stride;
    axis.disjoint = axis.dilation == 1;
    for (size_t o = 1; o < axis.spans.size(); ++o) {
      const Span& before = axis.spans[o - 1];
      axis.disjoint &= before.first + before.count <= axis.spans[o].first;
    }
  }
  return "";
}

}  // namespace

bool HasAdjoint(const Plan& plan) {
  return std::all_of(plan.axes, plan.axes + kMaxRank, [](const Axis& axis) {
    return axis.dilation == 1 &&
           (axis.stride == 1 || (axis.in == 1 && axis.out() == 1));
  });
}

Plan AdjointOf(const Plan& plan) {
  Plan adjoint = plan;
  for (int i = 0; i < kMaxRank; ++i) {
    const Axis& axis = plan.axes[i];
    Axis& other = adjoint.axes[i];
    other = Axis();
    other.in = axis.out();
    other.max_taps = axis.max_taps;
    other.disjoint = axis.max_taps == 1;
    other.stride = 1;
    other.spans.clear();
    const int64_t padding = axis.spans.front().first_tap - axis.spans.front().first;
    for (int64_t position = 0; position < axis.in; ++position) {
      const int64_t start = position + padding - (axis.max_taps - 1);
      const int64_t first = std::max<int64_t>(start, 0);
      const int64_t end = std::min(position + padding + 1, axis.out());
      other.spans.push_back({first, first - start, end - first, 1});
    }
    for (const Span& span : axis.spans) other.input_divisors.push_back(span.divisor);
  }
  return adjoint;
}

std::string MakePlan(const PoolSpec& spec, int64_t batch, int64_t channels,
                     const std::vector<int64_t>& sizes, Plan* plan) {
  if (spec.geometry == Geometry::kRegions) return "regions need their edges";
  return PlanOfRow(spec, batch, channels, sizes, Regions(), 0, plan);
}

std::string MakePlans(const PoolSpec& spec, int64_t batch, int64_t channels,
                      const std::vector<int64_t>& sizes, const Regions& regions,
                      std::vector<Plan>* plans) {
  plans->assign(1, Plan());
  if (spec.geometry != Geometry::kRegions || regions.rows == 1) {
    return PlanOfRow(spec, batch, channels, sizes, regions, 0, &plans->front());
  }
  const bool per_image = regions.rows == batch;
  if (!per_image && regions.rows != batch * channels) {
    return "regions must have 1 row, one per image (" + std::to_string(batch) +
           ") or one per channel of each image (" + std::to_string(batch * channels) +
           "). Received " + std::to_string(regions.rows) + " rows";
  }
  plans->assign(static_cast<size_t>(regions.rows), Plan());
  for (int64_t row = 0; row < regions.rows; ++row) {
    // A channel of a channels_first tensor is an image of one channel.
    const int64_t kept = per_image || !spec.channels_first ? channels : 1;
    const std::string error = PlanOfRow(spec, 1, kept, sizes, regions, row,
                                        &(*plans)[static_cast<size_t>(row)]);
    if (!error.empty()) return error;
  }
  return "";
}

}  // namespace keras_pooling
