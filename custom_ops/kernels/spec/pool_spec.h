// What one pooling call computes, as plain data: no framework, no SIMD, no memory.
#ifndef KERAS_POOLING_KERNELS_SPEC_POOL_SPEC_H_
#define KERAS_POOLING_KERNELS_SPEC_POOL_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/spec/element_types.h"

namespace keras_pooling {

enum class Reduction {
#define KP_REDUCTION(Name, name, ...) k##Name,
#include "kernels/spec/reductions.inc"  // NOLINT(build/include)
#undef KP_REDUCTION
};

// A selecting reduction's output is one of its taps; a blending one's depends on all.
enum class ReductionKind { kSelects, kBlends };

// What a median puts in order at a time.
constexpr int64_t kMostMedianTaps = 64;

// What the gradient of a blend reads besides dy.
enum class Saves { kNothing, kInput, kMaxima, kValues, kNorms };

// What a reduction's ops take and keep, as reductions.inc says it.
struct ReductionInfo {
  const char* name;
  ReductionKind kind;
  bool has_integers;  // whether it is defined for them
  bool draws;         // takes a seed
  bool learns;        // takes a parameter
  Saves saves;
  bool has_gradient;  // compiled; otherwise callers compose it of others
  int64_t most_taps;  // of a window

  bool saves_x() const { return saves != Saves::kNothing; }
  bool saves_y() const { return saves == Saves::kValues || saves == Saves::kNorms; }
};
const ReductionInfo& InfoOf(Reduction reduction);
const std::vector<ReductionInfo>& AllReductions();

// Which rule says where the windows fall (geometry.h).
enum class Geometry { kSliding, kAdaptive, kRegions };

enum class Padding { kValid, kSame, kExplicit };

constexpr int kMaxRank = 3;

// A size that is not known yet: in a graph, where only some of a shape is.
constexpr int64_t kUnknown = -1;

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
  double p = 2.0;         // lp
  double epsilon = 1e-6;  // gem

  int rank() const { return static_cast<int>(axes.size()); }
  // The axis of a full shape that is spatial axis `i`, and the one of the channels.
  size_t SpatialAxis(int i) const {
    return static_cast<size_t>(i + (channels_first ? 2 : 1));
  }
  size_t ChannelAxis() const { return channels_first ? 1 : axes.size() + 1; }
};

// The attributes of an op, as any host hands them over.
struct SpecAttributes {
#define KP_TEXT(name, value) std::string name = value;
#define KP_REDUCTION_TEXT KP_TEXT
#define KP_INTS(name) std::vector<int64_t> name;
#define KP_FLAG(name, value) bool name = value;
#define KP_INT(name, value) int64_t name = value;
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
#undef KP_TEXT
#undef KP_REDUCTION_TEXT
#undef KP_INTS
#undef KP_FLAG
#undef KP_INT
};

// Calls visit(name, pointer) for every attribute.
template <class Visit>
void ForEachAttribute(SpecAttributes* attributes, Visit&& visit) {
#define KP_TEXT(name, value) visit(#name, &attributes->name);
#define KP_REDUCTION_TEXT KP_TEXT
#define KP_INTS(name) visit(#name, &attributes->name);
#define KP_FLAG(name, value) visit(#name, &attributes->name);
#define KP_INT(name, value) visit(#name, &attributes->name);
#include "kernels/spec/attributes.inc"  // NOLINT(build/include)
#undef KP_TEXT
#undef KP_REDUCTION_TEXT
#undef KP_INTS
#undef KP_FLAG
#undef KP_INT
}

// The one place that knows how attributes map to a spec: to all of it, or to how many
// spatial axes there are and where the channels stand. Each returns what is wrong, or
// "".
std::string ParseSpec(const SpecAttributes& attributes, PoolSpec* spec);
std::string ParseLayout(const SpecAttributes& attributes, PoolSpec* spec);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_POOL_SPEC_H_
