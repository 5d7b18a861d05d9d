// The rules that say where windows fall, one entry each: parse, output size, windows.
// Plain integers: no framework, no SIMD.
#ifndef KERAS_POOLING_KERNELS_SPEC_GEOMETRY_H_
#define KERAS_POOLING_KERNELS_SPEC_GEOMETRY_H_

#include <cstdint>
#include <string>

#include "kernels/spec/axis.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling {

// A rule for one kind of windows. Each function returns what is wrong, or "".
struct GeometryRule {
  const char* name;  // the value of the ops' `geometry` attribute
  // Fills spec->axes, one for each entry of the window, from the attributes.
  std::string (*parse)(const SpecAttributes& attributes, PoolSpec* spec);
  // The number of windows along spatial axis `i` of `in` > 0 elements, 0 if none fits.
  int64_t (*output_size)(const PoolSpec& spec, int i, int64_t in);
  // Those `out` windows. `edges` are the region's, null for other rules.
  std::string (*make_axis)(const PoolSpec& spec, int i, int64_t in, int64_t out,
                           const int64_t* edges, Axis* axis);
};

const GeometryRule& RuleOf(Geometry geometry);
// False if there is none of that name.
bool FindGeometry(const std::string& name, Geometry* geometry);

// The number of windows along one axis of `in` elements, kUnknown where that depends on
// an unknown `in`. The same function serves shape inference and kernels.
std::string OutputSize(const PoolSpec& spec, int axis, int64_t in, int64_t* out);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_SPEC_GEOMETRY_H_
