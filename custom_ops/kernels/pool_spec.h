// What one pooling call computes, as plain data: no framework, no SIMD, no memory.
#ifndef KERAS_POOLING_KERNELS_POOL_SPEC_H_
#define KERAS_POOLING_KERNELS_POOL_SPEC_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace keras_pooling {

enum class Reduction {
#define KP_REDUCTION(Name, name, kind, types) k##Name,
#include "kernels/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
};

// A selecting reduction's output is one of its taps; a blending one's depends on all.
enum class ReductionKind { kSelects, kBlends };

ReductionKind KindOf(Reduction reduction);

// Which function says where the windows fall.
enum class Geometry { kSliding, kAdaptive, kRegions };

enum class Padding { kValid, kSame, kExplicit };

enum class ElementType {
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kInt8,
  kUint8,
  kInt16,
  kInt32,
  kInt64,
};

bool IsFloating(ElementType type);

// How the index of a window's winning tap is stored.
enum class TapType { kNone, kUint8, kInt32 };

constexpr int kMaxRank = 3;

// One spatial axis of a window. Adaptive windows use only `window`, as the output size
// (-1 keeps the axis); regions use it too, as their number.
struct AxisSpec {
  int64_t window = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_before = 0;  // kExplicit only
  int64_t pad_after = 0;
};

struct PoolSpec {
  Reduction reduction = Reduction::kMax;
  Geometry geometry = Geometry::kSliding;
  Padding padding = Padding::kValid;
  std::vector<AxisSpec> axes;  // one per spatial axis, 1 to kMaxRank
  bool ceil_mode = false;
  bool channels_first = false;
  // Averages divide by the taps inside the input; or by those inside the padded input;
  // or, where it is not 0, by this number.
  bool count_include_pad = false;
  double divisor_override = 0.0;
  bool overlapping = false;   // regions: each reaches into the next by one
  bool pseudo_random = true;  // how regions are drawn, and for which axis
  int64_t axis = 0;
  double p = 2.0;  // lp

  int rank() const { return static_cast<int>(axes.size()); }
};

// The attributes of an op, as any framework hands them over: the one place that knows
// how they map to a spec. Returns what is wrong, or "".
struct SpecAttributes {
  std::string reduction;
  std::string geometry = "sliding";
  std::string padding = "VALID";
  std::vector<int64_t> window;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads;  // before, after of the first axis, then of the next, …
  bool ceil_mode = false;
  bool channels_first = false;
  bool count_include_pad = false;
  double divisor_override = 0.0;
  bool overlapping = false;
  bool pseudo_random = true;
  int64_t axis = 0;
  int64_t p_bits = 0x4000000000000000;  // of a double, which not every framework has
};
std::string ParseSpec(const SpecAttributes& attributes, PoolSpec* spec);

// The number of windows along one axis of `in` elements. Returns what is wrong, or "".
// The same function serves shape inference and kernels.
std::string OutputSize(const PoolSpec& spec, int axis, int64_t in, int64_t* out);

// The number of taps of the largest window along one axis of `in` elements.
int64_t MaxTaps(const PoolSpec& spec, int axis, int64_t in);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_POOL_SPEC_H_
