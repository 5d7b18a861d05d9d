// What the registered ops take and give: roles, attributes and shapes, the same for
// every framework. Knows no kernel; reads no tensor but sizes.
#ifndef KERAS_POOLING_KERNELS_OP_SHAPES_H_
#define KERAS_POOLING_KERNELS_OP_SHAPES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/pool_spec.h"

namespace keras_pooling {

// A tensor, as any framework hands it over. Where only shapes are known, in a compiler,
// `data` is null: of all inputs but kSize.
struct Array {
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;
  void* data = nullptr;
};

// What a tensor is to its op.
enum class Role {
  kX,  // over input positions, as is dx
  kDx,
  kY,  // over output positions, as are the next three
  kDy,
  kTaps,
  kIndices,
  kSize,     // the input's spatial sizes; or of regions to draw: size, count, rows
  kSeed,     // two words
  kRegions,  // a list: rows of edges, one tensor per spatial axis
  kEdges,    // one of those, drawn
};

// A registered op: its tensors in the order of their registration.
struct OpInfo {
  const char* name;  // without the namespace
  std::vector<Role> inputs;
  std::vector<Role> outputs;  // the last may be left out where nobody reads it
};

// What each tensor is that `op` takes with this spec: a role that the spec has no use
// for is left out, a list is written out.
std::vector<Role> InputRoles(const OpInfo& op, const PoolSpec& spec);

// Null if there is no such op.
const OpInfo* FindOp(std::string_view name);

// Calls visit(name, pointer) for every attribute: the one list of their names. An op
// that lacks one leaves it at its default.
template <class Visit>
void ForEachAttribute(SpecAttributes* attributes, Visit&& visit) {
  visit("reduction", &attributes->reduction);
  visit("geometry", &attributes->geometry);
  visit("window", &attributes->window);
  visit("strides", &attributes->strides);
  visit("dilations", &attributes->dilations);
  visit("padding", &attributes->padding);
  visit("pads", &attributes->pads);
  visit("ceil_mode", &attributes->ceil_mode);
  visit("channels_first", &attributes->channels_first);
  visit("count_include_pad", &attributes->count_include_pad);
  visit("divisor_override", &attributes->divisor_override);
  visit("overlapping", &attributes->overlapping);
  visit("pseudo_random", &attributes->pseudo_random);
  visit("axis", &attributes->axis);
  visit("p_bits", &attributes->p_bits);
}

// The shapes of one call. All outputs of an op have the same.
struct OpShapes {
  int64_t batch = 0;
  int64_t channels = 0;
  std::vector<int64_t> sizes;  // the input's, one per spatial axis
  std::vector<int64_t> output;
  PoolSpec spec;  // with the number of regions, which the inputs tell
};

// Checks the inputs' number, types and shapes, and finds the output's shape. Returns
// what is wrong, or "".
std::string FindShapes(const OpInfo& op, const PoolSpec& spec,
                       const std::vector<Array>& inputs, OpShapes* shapes);

// A shape as errors show it: [2,3,4].
std::string ShapeText(const std::vector<int64_t>& shape);

// kNone if taps are never stored as `type`.
TapType TapTypeOf(ElementType type);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OP_SHAPES_H_
