#include "kernels/spec/geometry.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/spec/integers.h"
#include "kernels/spec/text.h"

namespace keras_pooling {
namespace {

// Every size in an attribute is at most this, so that sums and products of two fit
// int64.
constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();

// No axis is longer: what is computed from one size and two of the above fits int64.
constexpr int64_t kLargestAxis = int64_t{1} << 48;

std::string AxisText(int i, int64_t in) {
  return "spatial axis " + std::to_string(i) + " of size " + std::to_string(in);
}

std::string CheckRange(const char* name, const std::vector<int64_t>& values,
                       int64_t least) {
  for (int64_t value : values) {
    if (value < least || value > kLargest) {
      return std::string(name) + " must lie between " + std::to_string(least) +
             " and " + std::to_string(kLargest) + ". Received " + name + "=" +
             ListText(values);
    }
  }
  return "";
}

// `values` has `count` entries, or is empty and becomes `otherwise`.
std::string CheckEntries(const char* name, size_t count, int64_t least,
                         const std::vector<int64_t>& otherwise,
                         std::vector<int64_t>* values) {
  if (values->empty()) *values = otherwise;
  if (values->size() == count) return CheckRange(name, *values, least);
  return std::string(name) + " must have " + std::to_string(count) +
         " entries. Received " + name + "=" + ListText(*values);
}

// --- Sliding windows: one size, one stride.

int64_t Extent(const AxisSpec& axis) { return (axis.window - 1) * axis.dilation + 1; }

std::string ParseSliding(const SpecAttributes& attributes, PoolSpec* spec) {
  const size_t rank = attributes.window.size();
  const std::vector<int64_t>& window = attributes.window;
  std::vector<int64_t> strides = attributes.strides;
  std::vector<int64_t> dilations = attributes.dilations;
  std::vector<int64_t> pads = attributes.pads;
  std::string error = CheckRange("window", window, 1);
  if (error.empty()) error = CheckEntries("strides", rank, 1, window, &strides);
  if (error.empty()) {
    const std::vector<int64_t> ones(rank, 1);
    error = CheckEntries("dilations", rank, 1, ones, &dilations);
  }
  if (!error.empty()) return error;
  if (attributes.padding == "VALID") {
    spec->padding = Padding::kValid;
  } else if (attributes.padding == "SAME") {
    spec->padding = Padding::kSame;
  } else if (attributes.padding == "EXPLICIT") {
    spec->padding = Padding::kExplicit;
    error = CheckEntries("pads", 2 * rank, 0, {}, &pads);
    if (!error.empty()) return error;
  } else {
    return "padding must be \"VALID\", \"SAME\" or \"EXPLICIT\". Received padding=\"" +
           attributes.padding + "\"";
  }
  for (size_t i = 0; i < rank; ++i) {
    AxisSpec& axis = spec->axes[i];
    axis.window = window[i];
    axis.stride = strides[i];
    axis.dilation = dilations[i];
    if (spec->padding != Padding::kExplicit) continue;
    axis.pad_before = pads[2 * i];
    axis.pad_after = pads[2 * i + 1];
    if (std::max(axis.pad_before, axis.pad_after) >= Extent(axis)) {
      return "pads must be smaller than the (dilated) window of " +
             std::to_string(Extent(axis)) +
             ", or a window would hold no input. Received pads=" + ListText(pads);
    }
  }
  return "";
}

int64_t SlidingOutputSize(const PoolSpec& spec, int i, int64_t in) {
  const AxisSpec& axis = spec.axes[static_cast<size_t>(i)];
  if (spec.padding == Padding::kSame) return (in - 1) / axis.stride + 1;
  const int64_t room = in + axis.pad_before + axis.pad_after - Extent(axis);
  if (room < 0) {
    // With ceil_mode a window that only partly fits still counts, as in PyTorch.
    return spec.ceil_mode && -room < axis.stride ? 1 : 0;
  }
  int64_t out = room / axis.stride + 1;
  if (spec.ceil_mode && room % axis.stride != 0) ++out;
  // A last window that begins beyond the input and its left padding is dropped.
  if ((out - 1) * axis.stride >= in + axis.pad_before) --out;
  return out;
}

// For example: an axis of 7 elements, windows of 3 at stride 2, "same". Output size 4;
// the windows want (4 − 1) · 2 + 3 = 9 elements, so 2 are padding, one on each side:
// windows begin at −1, 1, 3, 5 and hold elements 0–1 (taps 1–2), 1–3, 3–5, 5–6.
std::string MakeSlidingAxis(const PoolSpec& spec, int i, int64_t in, int64_t out,
                            const int64_t*, Axis* axis) {
  const AxisSpec& a = spec.axes[static_cast<size_t>(i)];
  UniformWindows windows = {out, a.window, a.stride, a.dilation, a.pad_before, 0};
  int64_t pad_after = a.pad_after;
  if (spec.padding == Padding::kSame) {
    const int64_t total = std::max<int64_t>((out - 1) * a.stride + Extent(a) - in, 0);
    windows.pad_before = total / 2;
    pad_after = total - total / 2;
  }
  if (spec.count_include_pad) windows.counted_end = in + pad_after;
  *axis = Axis(in, windows);
  // A dilated window that begins in the padding may step over a short input. Where its
  // first tap lies recurs with the stride, modulo the dilation.
  const int64_t in_padding = std::min(CeilDiv(windows.pad_before, a.stride), out);
  for (int64_t o = 0; a.dilation > in && o < std::min(in_padding, a.dilation); ++o) {
    if (axis->span(o).count > 0) continue;
    return "window " + std::to_string(o) + " of spatial axis " + std::to_string(i) +
           " (size " + std::to_string(in) +
           ") holds no input: the dilation steps over it. Use a smaller dilation or "
           "less padding";
  }
  return "";
}

// --- Adaptive windows: a given number of them shares the input out as evenly as
// integers allow.

std::string ParseAdaptive(const SpecAttributes& attributes, PoolSpec* spec) {
  for (size_t i = 0; i < attributes.window.size(); ++i) {
    const int64_t size = attributes.window[i];
    if (size != -1 && (size < 1 || size > kLargest)) {
      return "output_size must be positive (or -1 to keep an axis) and at most " +
             std::to_string(kLargest) +
             ". Received output_size=" + ListText(attributes.window);
    }
    spec->axes[i].window = size;
  }
  return "";
}

int64_t AdaptiveOutputSize(const PoolSpec& spec, int i, int64_t in) {
  const int64_t size = spec.axes[static_cast<size_t>(i)].window;
  return size == -1 ? in : size;
}

// Window i of `out` is [floor(i · in / out), ceil((i + 1) · in / out)).
std::string MakeAdaptiveAxis(const PoolSpec&, int, int64_t in, int64_t out,
                             const int64_t*, Axis* axis) {
  if (in % out == 0) {
    *axis = Axis(in, {out, in / out, in / out, 1, 0, 0});
    return "";
  }
  std::vector<Span> spans;
  spans.reserve(static_cast<size_t>(out));
  // i · in is made of quotients and remainders: the product might exceed int64.
  const int64_t whole = in / out;
  const int64_t rest = in % out;
  for (int64_t i = 0; i < out; ++i) {
    const int64_t first = i * whole + i * rest / out;
    const int64_t end = (i + 1) * whole + CeilDiv((i + 1) * rest, out);
    spans.push_back({first, 0, end - first, end - first});
  }
  *axis = Axis(in, std::move(spans));
  return "";
}

// --- Regions between given edges: how many an axis has, and where they lie, comes with
// the input.

std::string ParseRegions(const SpecAttributes&, PoolSpec*) { return ""; }

int64_t RegionCount(const PoolSpec& spec, int i, int64_t) {
  return spec.axes[static_cast<size_t>(i)].window;
}

// Regions between neighbouring edges, none of which is taken on trust.
std::string MakeRegionAxis(const PoolSpec& spec, int, int64_t in, int64_t out,
                           const int64_t* edges, Axis* axis) {
  if (edges == nullptr) return "regions need their edges";
  if (edges[0] != 0 || edges[out] != in) {
    return "regions must begin at 0 and end at the axis's size " + std::to_string(in) +
           ". Received edges from " + std::to_string(edges[0]) + " to " +
           std::to_string(edges[out]);
  }
  std::vector<Span> spans;
  spans.reserve(static_cast<size_t>(out));
  for (int64_t o = 0; o < out; ++o) {
    if (edges[o + 1] <= edges[o] || edges[o + 1] > in) {
      return "regions must have ascending edges. Received " + std::to_string(edges[o]) +
             " before " + std::to_string(edges[o + 1]);
    }
    const int64_t end = std::min(edges[o + 1] + (spec.overlapping ? 1 : 0), in);
    spans.push_back({edges[o], 0, end - edges[o], end - edges[o]});
  }
  *axis = Axis(in, std::move(spans));
  return "";
}

constexpr GeometryRule kRules[] = {
    {"sliding", &ParseSliding, &SlidingOutputSize, &MakeSlidingAxis},
    {"adaptive", &ParseAdaptive, &AdaptiveOutputSize, &MakeAdaptiveAxis},
    {"regions", &ParseRegions, &RegionCount, &MakeRegionAxis},
};

}  // namespace

const GeometryRule& RuleOf(Geometry geometry) {
  return kRules[static_cast<int>(geometry)];
}

bool FindGeometry(const std::string& name, Geometry* geometry) {
  for (const Geometry each :
       {Geometry::kSliding, Geometry::kAdaptive, Geometry::kRegions}) {
    if (RuleOf(each).name != name) continue;
    *geometry = each;
    return true;
  }
  return false;
}

std::string OutputSize(const PoolSpec& spec, int i, int64_t in, int64_t* out) {
  const bool is_sliding = spec.geometry == Geometry::kSliding;
  if (in > kLargestAxis) {
    return AxisText(i, in) + " is larger than " + std::to_string(kLargestAxis);
  }
  if (in == kUnknown) {
    *out = is_sliding ? kUnknown : RuleOf(spec.geometry).output_size(spec, i, in);
    return "";
  }
  *out = in <= 0 ? 0 : RuleOf(spec.geometry).output_size(spec, i, in);
  if (*out != 0) return "";
  if (!is_sliding) {
    return AxisText(i, in) + " is empty, so a window would hold no input";
  }
  const AxisSpec& axis = spec.axes[static_cast<size_t>(i)];
  return "window " + std::to_string(Extent(axis)) + " (dilated) with stride " +
         std::to_string(axis.stride) + " does not fit " + AxisText(i, in) +
         ": the output would be empty. Use padding=\"same\" or a smaller window";
}

}  // namespace keras_pooling
