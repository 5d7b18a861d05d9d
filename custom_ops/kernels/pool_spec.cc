#include "kernels/pool_spec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace keras_pooling {
namespace {

// Every caller-given size is at most this, so that sums and products of two fit int64.
constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();

// No axis is longer: what is computed from one size and two of the above fits int64.
constexpr int64_t kLargestAxis = int64_t{1} << 48;

std::string Join(const std::vector<int64_t>& values) {
  std::string text = "(";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(values[i]);
  }
  return text + ")";
}

std::string CheckRange(const char* name, const std::vector<int64_t>& values,
                       int64_t least) {
  for (int64_t value : values) {
    if (value < least || value > kLargest) {
      return std::string(name) + " must lie between " + std::to_string(least) +
             " and " + std::to_string(kLargest) + ". Received " + name + "=" +
             Join(values);
    }
  }
  return "";
}

std::string CheckCount(const char* name, const std::vector<int64_t>& values,
                       size_t count) {
  if (values.size() == count) return "";
  return std::string(name) + " must have " + std::to_string(count) +
         " entries. Received " + name + "=" + Join(values);
}

int64_t Extent(const AxisSpec& axis) { return (axis.window - 1) * axis.dilation + 1; }

}  // namespace

ReductionKind KindOf(Reduction reduction) {
  switch (reduction) {
#define KP_REDUCTION(Name, name, kind, types) \
  case Reduction::k##Name:                    \
    return ReductionKind::kind;
#include "kernels/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
  }
  return ReductionKind::kBlends;
}

bool IsFloating(ElementType type) { return type <= ElementType::kFloat64; }

std::string ParseSpec(const SpecAttributes& attributes, PoolSpec* spec) {
  bool known = false;
#define KP_REDUCTION(Name, name, kind, types) \
  if (attributes.reduction == name) {         \
    spec->reduction = Reduction::k##Name;     \
    known = true;                             \
  }
#include "kernels/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
  if (!known) return "unknown reduction \"" + attributes.reduction + "\"";

  const size_t rank = attributes.window.size();
  if (rank < 1 || rank > kMaxRank) {
    return "window must have 1 to 3 entries, one per spatial axis. Received window=" +
           Join(attributes.window);
  }
  spec->axes.assign(rank, AxisSpec());
  spec->ceil_mode = attributes.ceil_mode;
  spec->channels_first = attributes.channels_first;
  spec->count_include_pad = attributes.count_include_pad;
  spec->divisor_override = attributes.divisor_override;

  spec->overlapping = attributes.overlapping;
  spec->pseudo_random = attributes.pseudo_random;
  spec->axis = attributes.axis;
  std::memcpy(&spec->p, &attributes.p_bits, sizeof(spec->p));
  if (!(spec->p > 0.0) || std::isinf(spec->p)) {
    return "p must be a positive number. Received p=" + std::to_string(spec->p);
  }

  if (attributes.geometry == "regions") {
    // How many regions an axis has, and where they lie, comes with the input.
    spec->geometry = Geometry::kRegions;
    return "";
  }
  if (attributes.geometry == "adaptive") {
    spec->geometry = Geometry::kAdaptive;
    for (size_t i = 0; i < rank; ++i) {
      const int64_t size = attributes.window[i];
      if (size != -1 && (size < 1 || size > kLargest)) {
        return "output_size must be positive (or -1 to keep an axis) and at most " +
               std::to_string(kLargest) +
               ". Received output_size=" + Join(attributes.window);
      }
      spec->axes[i].window = size;
    }
    return "";
  }
  if (attributes.geometry != "sliding") {
    return "unknown geometry \"" + attributes.geometry + "\"";
  }
  spec->geometry = Geometry::kSliding;

  for (const std::string& error : {
           CheckCount("strides", attributes.strides, rank),
           CheckCount("dilations", attributes.dilations, rank),
           CheckRange("window", attributes.window, 1),
           CheckRange("strides", attributes.strides, 1),
           CheckRange("dilations", attributes.dilations, 1),
       }) {
    if (!error.empty()) return error;
  }
  if (attributes.padding == "VALID") {
    spec->padding = Padding::kValid;
  } else if (attributes.padding == "SAME") {
    spec->padding = Padding::kSame;
  } else if (attributes.padding == "EXPLICIT") {
    spec->padding = Padding::kExplicit;
    for (const std::string& error : {CheckCount("pads", attributes.pads, 2 * rank),
                                     CheckRange("pads", attributes.pads, 0)}) {
      if (!error.empty()) return error;
    }
  } else {
    return "padding must be \"VALID\", \"SAME\" or \"EXPLICIT\". Received padding=\"" +
           attributes.padding + "\"";
  }
  for (size_t i = 0; i < rank; ++i) {
    AxisSpec& axis = spec->axes[i];
    axis.window = attributes.window[i];
    axis.stride = attributes.strides[i];
    axis.dilation = attributes.dilations[i];
    if (spec->padding != Padding::kExplicit) continue;
    axis.pad_before = attributes.pads[2 * i];
    axis.pad_after = attributes.pads[2 * i + 1];
    if (std::max(axis.pad_before, axis.pad_after) >= Extent(axis)) {
      return "pads must be smaller than the (dilated) window of " +
             std::to_string(Extent(axis)) +
             ", or a window would hold no input. "
             "Received pads=" +
             Join(attributes.pads);
    }
  }
  return "";
}

std::string OutputSize(const PoolSpec& spec, int axis_index, int64_t in, int64_t* out) {
  const AxisSpec& axis = spec.axes[static_cast<size_t>(axis_index)];
  if (in > kLargestAxis) {
    return "spatial axis " + std::to_string(axis_index) + " of size " +
           std::to_string(in) + " is larger than " + std::to_string(kLargestAxis);
  }
  if (spec.geometry != Geometry::kSliding) {
    *out = axis.window == -1 ? in : axis.window;
    if (in > 0) return "";
    return "spatial axis " + std::to_string(axis_index) +
           " of the input is empty, so a window would hold no input";
  }
  if (in <= 0) {
    *out = 0;
  } else if (spec.padding == Padding::kSame) {
    *out = (in - 1) / axis.stride + 1;
  } else {
    const int64_t room = in + axis.pad_before + axis.pad_after - Extent(axis);
    if (room < 0) {
      // With ceil_mode a window that only partly fits still counts, as in PyTorch.
      *out = spec.ceil_mode && -room < axis.stride ? 1 : 0;
    } else {
      *out = room / axis.stride + 1;
      if (spec.ceil_mode && room % axis.stride != 0) ++*out;
      // A last window that begins beyond the input and its left padding is dropped.
      if ((*out - 1) * axis.stride >= in + axis.pad_before) --*out;
    }
  }
  if (*out > 0) return "";
  return "window " + std::to_string(Extent(axis)) + " (dilated) with stride " +
         std::to_string(axis.stride) + " does not fit spatial axis " +
         std::to_string(axis_index) + " of size " + std::to_string(in) +
         ": the output would be empty. Use padding=\"same\" or a smaller window";
}

int64_t MaxTaps(const PoolSpec& spec, int axis_index, int64_t in) {
  const AxisSpec& axis = spec.axes[static_cast<size_t>(axis_index)];
  if (spec.geometry == Geometry::kSliding) return axis.window;
  const int64_t out = axis.window == -1 ? in : axis.window;
  // Window i starts a remainder r = (i · in) mod out early, so it has
  // ceil((r + in) / out) taps; r is largest at out − gcd(in, out).
  int64_t a = in;
  int64_t b = out;
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return (out - a + in + out - 1) / out;
}

}  // namespace keras_pooling
