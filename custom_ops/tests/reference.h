// Pooling as its definition reads, one tap at a time: what the tests compare with.
// Shares no code with the kernels beyond PoolSpec.
#ifndef KERAS_POOLING_TESTS_REFERENCE_H_
#define KERAS_POOLING_TESTS_REFERENCE_H_

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/spec/pool_spec.h"

namespace keras_pooling::tests {

struct WindowTap {
  int64_t tap;
  int64_t position;
};

struct BruteWindow {
  std::vector<WindowTap> taps;  // those inside the input
  int64_t divisor = 0;
};

// All windows along one axis.
struct BruteAxis {
  int64_t in = 1;
  int64_t max_taps = 1;
  std::vector<BruteWindow> windows = {{{{0, 0}}, 1}};

  bool has_empty_window() const {
    return std::any_of(windows.begin(), windows.end(),
                       [](const BruteWindow& window) { return window.taps.empty(); });
  }
};

inline BruteAxis AdaptiveAxis(int64_t out, int64_t in) {
  BruteAxis axis = {in, 0, {}};
  for (int64_t o = 0; o < out; ++o) {
    BruteWindow window;
    for (int64_t p = 0; p < in; ++p) {
      // floor(o · in / out) ≤ p < ceil((o + 1) · in / out), without a division
      const bool inside = o * in < (p + 1) * out && p * out < (o + 1) * in;
      if (inside) window.taps.push_back({static_cast<int64_t>(window.taps.size()), p});
    }
    window.divisor = static_cast<int64_t>(window.taps.size());
    axis.max_taps = std::max(axis.max_taps, window.divisor);
    axis.windows.push_back(window);
  }
  return axis;
}

inline BruteAxis SlidingAxis(const PoolSpec& spec, const AxisSpec& axis_spec,
                             int64_t in) {
  const AxisSpec& s = axis_spec;
  const int64_t extent = (s.window - 1) * s.dilation + 1;
  int64_t before = s.pad_before;
  int64_t after = s.pad_after;
  int64_t out = 0;
  if (spec.padding == Padding::kSame) {
    while (out * s.stride < in) ++out;
    const int64_t total = std::max<int64_t>((out - 1) * s.stride + extent - in, 0);
    before = total / 2;
    after = total - before;
  } else {
    // A window fits whole; or, with ceil_mode, all but less than a stride of it.
    const int64_t allowed = spec.ceil_mode ? s.stride - 1 : 0;
    while (out * s.stride - before < in &&
           out * s.stride - before + extent <= in + after + allowed) {
      ++out;
    }
  }
  BruteAxis axis = {in, s.window, {}};
  for (int64_t o = 0; o < out; ++o) {
    BruteWindow window;
    for (int64_t t = 0; t < s.window; ++t) {
      const int64_t position = o * s.stride - before + t * s.dilation;
      if (position >= 0 && position < in) window.taps.push_back({t, position});
      if (position < in + after) ++window.divisor;
    }
    if (!spec.count_include_pad) {
      window.divisor = static_cast<int64_t>(window.taps.size());
    }
    axis.windows.push_back(window);
  }
  return axis;
}

// Regions between edges, each of which may reach into the next by one.
inline BruteAxis RegionAxis(const std::vector<int64_t>& edges, bool overlapping) {
  BruteAxis axis = {edges.back(), 0, {}};
  for (size_t o = 1; o < edges.size(); ++o) {
    BruteWindow window;
    for (int64_t p = edges[o - 1]; p < edges[o] + overlapping && p < axis.in; ++p) {
      window.taps.push_back({p - edges[o - 1], p});
    }
    window.divisor = static_cast<int64_t>(window.taps.size());
    axis.max_taps = std::max(axis.max_taps, window.divisor);
    axis.windows.push_back(window);
  }
  return axis;
}

inline BruteAxis MakeBruteAxis(const PoolSpec& spec, int axis, int64_t in) {
  const AxisSpec& s = spec.axes[static_cast<size_t>(axis)];
  if (spec.geometry == Geometry::kSliding) return SlidingAxis(spec, s, in);
  return AdaptiveAxis(s.window == -1 ? in : s.window, in);
}

// One tap of one window of one plane. Offsets are flat, of the whole tensors.
struct TapVisit {
  int64_t output;
  int64_t input;
  int64_t tap;
  int64_t place;  // of the input in its plane
  double divisor;
};

// Edges of regions: for each row of each axis.
using EdgeRows = std::vector<std::vector<std::vector<int64_t>>>;

// A whole call.
class Reference {
 public:
  Reference(const PoolSpec& spec, int64_t batch, int64_t channels,
            const std::vector<int64_t>& sizes, const EdgeRows& edges = {})
      : spec_(spec), batch_(batch), channels_(channels) {
    const size_t rows = edges.empty() ? 1 : edges.front().size();
    const bool has_planes = batch * channels > 0;  // or regions may have no rows
    for (size_t row = 0; has_planes && row < rows; ++row) {
      Axes axes(kMaxRank);
      for (int i = 0; i < spec.rank(); ++i) {
        const auto at = static_cast<size_t>(i);
        axes[static_cast<size_t>(kMaxRank - spec.rank()) + at] =
            edges.empty() ? MakeBruteAxis(spec, i, sizes[at])
                          : RegionAxis(edges[at][row], spec.overlapping);
      }
      rows_.push_back(axes);
    }
  }

  bool has_empty_window() const {
    const auto is_empty = [](const BruteAxis& axis) {
      return axis.windows.empty() || axis.has_empty_window();
    };
    return std::any_of(rows_.begin(), rows_.end(), [&](const Axes& axes) {
      return std::any_of(axes.begin(), axes.end(), is_empty);
    });
  }
  // Of any window; without planes there is none.
  int64_t max_taps() const {
    int64_t most = 1;
    for (const Axes& axes : rows_) {
      most = std::max(most, axes[0].max_taps * axes[1].max_taps * axes[2].max_taps);
    }
    return most;
  }
  int64_t inputs() const { return rows_.empty() ? 0 : planes() * InPlane(rows_[0]); }
  int64_t outputs() const { return rows_.empty() ? 0 : planes() * OutPlane(rows_[0]); }

  size_t ChannelOf(int64_t output) const {
    const int64_t plane = spec_.channels_first ? output / OutPlane(rows_[0]) : output;
    return static_cast<size_t>(plane % channels_);
  }

  // Visits each window's taps in scan order.
  template <class Visit>
  void ForEachTap(const Visit& visit) const {
    if (rows_.empty()) return;
    for (int64_t plane = 0; plane < planes(); ++plane) {
      for (int64_t place = 0; place < OutPlane(rows_[0]); ++place) {
        VisitWindow(AxesOf(plane), plane, place, visit);
      }
    }
  }

 private:
  using Axes = std::vector<BruteAxis>;

  static int64_t Count(const BruteAxis& axis) {
    return static_cast<int64_t>(axis.windows.size());
  }
  static int64_t InPlane(const Axes& axes) {
    return axes[0].in * axes[1].in * axes[2].in;
  }
  static int64_t OutPlane(const Axes& axes) {
    return Count(axes[0]) * Count(axes[1]) * Count(axes[2]);
  }
  int64_t planes() const { return batch_ * channels_; }

  // One row serves all planes, or each image has one, or each plane.
  const Axes& AxesOf(int64_t plane) const {
    const auto rows = static_cast<int64_t>(rows_.size());
    const int64_t row = rows == 1 ? 0 : rows == batch_ ? plane / channels_ : plane;
    return rows_[static_cast<size_t>(row)];
  }

  int64_t Offset(int64_t plane, int64_t place, int64_t plane_size) const {
    if (spec_.channels_first) return plane * plane_size + place;
    return (plane / channels_ * plane_size + place) * channels_ + plane % channels_;
  }

  template <class Visit>
  void VisitWindow(const Axes& axes, int64_t plane, int64_t place,
                   const Visit& visit) const {
    const auto window = [](const BruteAxis& axis, int64_t o) -> const BruteWindow& {
      return axis.windows[static_cast<size_t>(o % Count(axis))];
    };
    const BruteWindow& w = window(axes[2], place);
    const BruteWindow& h = window(axes[1], place / Count(axes[2]));
    const BruteWindow& d = window(axes[0], place / Count(axes[2]) / Count(axes[1]));
    const double divisor = spec_.divisor_override != 0.0
                               ? spec_.divisor_override
                               : static_cast<double>(d.divisor * h.divisor * w.divisor);
    for (const WindowTap& td : d.taps) {
      for (const WindowTap& th : h.taps) {
        for (const WindowTap& tw : w.taps) {
          const int64_t at =
              (td.position * axes[1].in + th.position) * axes[2].in + tw.position;
          const int64_t tap =
              (td.tap * axes[1].max_taps + th.tap) * axes[2].max_taps + tw.tap;
          visit(TapVisit{Offset(plane, place, OutPlane(axes)),
                         Offset(plane, at, InPlane(axes)), tap, at, divisor});
        }
      }
    }
  }

  PoolSpec spec_;
  int64_t batch_;
  int64_t channels_;
  std::vector<Axes> rows_;  // of regions; one for other windows
};

// A sum with what bounds its rounding error.
struct ExactSum {
  long double sum = 0;
  long double magnitude = 0;
  int64_t terms = 0;

  void Add(long double term) {
    sum += term;
    magnitude += term < 0 ? -term : term;
    ++terms;
  }
};

// One number, with the roundings on the way to it: each loses as much as one of
// `magnitude` would; and what may be lost besides.
struct RoundedNumber {
  long double value = 0;
  long double magnitude = 0;
  long double roundings = 0;
  long double absolute = 0;
  bool is_open = false;  // anything will do
};

}  // namespace keras_pooling::tests

#endif  // KERAS_POOLING_TESTS_REFERENCE_H_
