// The ops, one entry each: name, tensors by role, how shapes follow and how it runs.
// The door: what comes from outside is checked here, once, for every host. No
// framework.
#ifndef KERAS_POOLING_KERNELS_OPS_OP_H_
#define KERAS_POOLING_KERNELS_OPS_OP_H_

#include <string>
#include <string_view>
#include <vector>

#include "kernels/execution/parallel.h"
#include "kernels/ops/array.h"
#include "kernels/spec/pool_spec.h"

namespace keras_pooling {

// What a tensor is to its op.
enum class Role {
  kX,  // over input positions, as is dx
  kDx,
  kY,  // over output positions, as are the next three
  kDy,
  kTaps,
  kIndices,
  kSize,               // the input's spatial sizes
  kSeed,               // two words
  kParameter,          // one number, or one per channel
  kParameterGradient,  // over output positions: their derivatives by it
  kRegions,            // rows of edges, one tensor per spatial axis
  kDraw,               // of regions to draw: size, count, rows
  kEdges,              // one of kRegions, drawn
};

// When an op takes an input.
enum class When {
  kAlways,
  kIfDraws,   // the reduction
  kIfLearns,  // the reduction has a parameter
  kIfSavesX,  // the reduction's gradient reads x
  kIfSavesY,
  kIfRegions,  // one for each spatial axis
};

struct Input {
  Role role;
  When when = When::kAlways;
};

// The reductions that an op is for.
enum class Serves {
  kSelecting,
  kBlending,
  kLearning,  // blends with a parameter
  kAny,
  kNoWindows,  // nor a reduction
};

struct BoundOp;
struct OpShapes;

struct Op {
  const char* name;
  Serves serves;
  bool is_gradient;
  // Attributes to spec, as far as the op has a use for them.
  std::string (*parse)(const Op& op, const SpecAttributes& attributes, PoolSpec* spec);
  std::vector<Input> inputs;
  std::vector<Role> outputs;  // the last may be left out where nobody reads it
  std::string (*infer)(const BoundOp& op, const std::vector<Array>& inputs,
                       OpShapes* shapes);
  std::string (*run)(const BoundOp& op, const OpShapes& shapes,
                     const std::vector<Array>& inputs,
                     const std::vector<Array>& outputs, const Parallel& parallel);
};

const std::vector<Op>& AllOps();

// An op with its attributes, parsed once.
struct BoundOp {
  const Op* op = nullptr;
  PoolSpec spec;

  // What each input is: those that the spec has no use for are left out, regions are
  // written out.
  std::vector<Role> InputRoles() const;
};

// The shapes of one call.
struct OpShapes {
  PoolSpec spec;  // with the number of regions, which the inputs tell
  int64_t batch = kUnknown;
  int64_t channels = kUnknown;
  Shape sizes;  // the input's, one per spatial axis
  std::vector<Shape> outputs;
};

// `name` may bear a namespace: "KerasPooling>SelectingPool".
Status BindOp(std::string_view name, const SpecAttributes& attributes, BoundOp* op);

// Checks the inputs' number, types and shapes, and finds those of the outputs. Sizes
// may be unknown, and data absent.
Status InferShapes(const BoundOp& op, const std::vector<Array>& inputs,
                   OpShapes* shapes);

// Checks everything, and computes `outputs`. Never throws.
Status RunOp(const BoundOp& op, const std::vector<Array>& inputs,
             const std::vector<Array>& outputs, const Parallel& parallel);

}  // namespace keras_pooling

#endif  // KERAS_POOLING_KERNELS_OPS_OP_H_
