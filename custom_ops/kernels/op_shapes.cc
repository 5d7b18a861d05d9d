#include "kernels/op_shapes.h"

#include <algorithm>

#include "kernels/regions.h"

namespace keras_pooling {
namespace {

// The ops as tensorflow/pool_ops.cc registers them.
const std::vector<OpInfo>& AllOps() {
  static const auto* const ops = new std::vector<OpInfo>{
      {"SelectingPool",
       {Role::kX, Role::kSeed, Role::kRegions},
       {Role::kY, Role::kTaps}},
      {"SelectingPoolGrad",
       {Role::kDy, Role::kTaps, Role::kSize, Role::kRegions},
       {Role::kDx}},
      {"SelectingPoolPick", {Role::kX, Role::kTaps, Role::kRegions}, {Role::kY}},
      {"BlendingPool", {Role::kX, Role::kRegions}, {Role::kY}},
      {"BlendingPoolGrad",
       {Role::kDy, Role::kSize, Role::kX, Role::kY, Role::kRegions},
       {Role::kDx}},
      {"TapIndices", {Role::kTaps, Role::kSize, Role::kRegions}, {Role::kIndices}},
      {"FractionalRegions", {Role::kSeed, Role::kSize}, {Role::kEdges}},
  };
  return *ops;
}

// How many tensors of a role an op takes.
int CountOf(const OpInfo& op, Role role, const PoolSpec& spec) {
  switch (role) {
    case Role::kSeed:
      return spec.reduction == Reduction::kStochastic || op.outputs[0] == Role::kEdges;
    case Role::kRegions:
      return spec.geometry == Geometry::kRegions ? spec.rank() : 0;
    case Role::kX:
    case Role::kY:  // the gradient of an average needs dy alone
      return op.inputs[0] == Role::kDy && spec.reduction == Reduction::kAvg ? 0 : 1;
    default:
      return 1;
  }
}

size_t SpatialAxis(const PoolSpec& spec, int i) {
  return static_cast<size_t>(i + (spec.channels_first ? 2 : 1));
}

// Replaces the input's spatial sizes by those in `array`.
std::string ReadSize(const PoolSpec& spec, const Array& array,
                     std::vector<int64_t>* sizes) {
  const int64_t rank = spec.rank();
  if (array.type != ElementType::kInt64 || array.shape.size() != 1 ||
      array.shape[0] != rank) {
    return "size must hold the input's " + std::to_string(rank) +
           " spatial sizes as int64. Received shape=" + ShapeText(array.shape);
  }
  const auto* values = static_cast<const int64_t*>(array.data);
  sizes->assign(values, values + rank);
  if (*std::min_element(sizes->begin(), sizes->end()) >= 0) return "";
  return "size must not be negative. Received size=" + ShapeText(*sizes);
}

std::string CheckSeed(const Array& array) {
  if (array.type == ElementType::kInt64 && array.shape == std::vector<int64_t>{2}) {
    return "";
  }
  return "seed must be two int64 words. Received shape=" + ShapeText(array.shape);
}

// The shape of the edges to draw, from size, count and rows.
std::string EdgesShape(const std::vector<Array>& inputs, std::vector<int64_t>* shape) {
  const std::string error = CheckSeed(inputs[0]);
  if (!error.empty()) return error;
  const Array& array = inputs[1];
  if (array.type != ElementType::kInt64 || array.shape != std::vector<int64_t>{3}) {
    return "expected size, count and rows as int64. Received shape=" +
           ShapeText(array.shape);
  }
  const auto* values = static_cast<const int64_t*>(array.data);
  const std::string fault = CheckDraw({values[0], values[1], values[2]});
  *shape = {values[2], values[1] + 1};
  return fault;
}

const char* NameOf(Role role) {
  return role == Role::kX ? "x" : role == Role::kY ? "y" : "taps";
}

// Sets the number of regions along axis `i`.
std::string ReadRegions(const Array& array, const Array& first, size_t i,
                        PoolSpec* spec) {
  if (array.type != ElementType::kInt64 || array.shape.size() != 2 ||
      array.shape[0] != first.shape[0] || array.shape[1] < 2) {
    return "regions must be int64 edges of shape (rows, regions + 1), with as many "
           "rows for every axis. Received shape=" +
           ShapeText(array.shape);
  }
  spec->axes[i].window = array.shape[1] - 1;
  return "";
}

}  // namespace

const OpInfo* FindOp(std::string_view name) {
  for (const OpInfo& op : AllOps()) {
    if (op.name == name) return &op;
  }
  return nullptr;
}

std::vector<Role> InputRoles(const OpInfo& op, const PoolSpec& spec) {
  std::vector<Role> roles;
  for (Role role : op.inputs) {
    roles.insert(roles.end(), static_cast<size_t>(CountOf(op, role, spec)), role);
  }
  return roles;
}

std::string FindShapes(const OpInfo& op, const PoolSpec& spec,
                       const std::vector<Array>& inputs, OpShapes* shapes) {
  const std::vector<Role> roles = InputRoles(op, spec);
  if (inputs.size() != roles.size()) {
    return "expected " + std::to_string(roles.size()) + " inputs. Received " +
           std::to_string(inputs.size());
  }
  if (op.outputs[0] == Role::kEdges) return EdgesShape(inputs, &shapes->output);
  const int rank = spec.rank();
  const std::vector<int64_t>& main = inputs[0].shape;
  if (main.size() != static_cast<size_t>(rank) + 2) {
    return "expected a tensor of rank " + std::to_string(rank + 2) +
           ". Received shape=" + ShapeText(main);
  }
  shapes->batch = main[0];
  shapes->channels = main[static_cast<size_t>(spec.channels_first ? 1 : rank + 1)];
  shapes->sizes.assign(main.begin() + (spec.channels_first ? 2 : 1),
                       main.begin() + (spec.channels_first ? 2 : 1) + rank);
  shapes->spec = spec;
  bool from_size = false;  // the first input lies over output positions
  size_t first_regions = 0;
  size_t regions = 0;
  std::string error;
  for (size_t i = 0; i < inputs.size() && error.empty(); ++i) {
    if (roles[i] == Role::kSize) {
      from_size = true;
      error = ReadSize(spec, inputs[i], &shapes->sizes);
    } else if (roles[i] == Role::kRegions) {
      if (regions == 0) first_regions = i;
      error = ReadRegions(inputs[i], inputs[first_regions], regions++, &shapes->spec);
    } else if (roles[i] == Role::kSeed) {
      error = CheckSeed(inputs[i]);
    }
  }
  if (!error.empty()) return error;
  std::vector<int64_t> positions = main;  // shapes over input and output positions
  std::vector<int64_t> windows = main;
  for (int i = 0; i < rank; ++i) {
    const int64_t in = shapes->sizes[static_cast<size_t>(i)];
    positions[SpatialAxis(spec, i)] = in;
    int64_t& out = windows[SpatialAxis(spec, i)];
    error = OutputSize(shapes->spec, i, in, &out);
    if (!error.empty()) return error;
    // Also what keeps a forged size from planning more windows than memory holds.
    if (from_size && out != main[SpatialAxis(spec, i)]) {
      return "spatial axis " + std::to_string(i) + " of size " + std::to_string(in) +
             " gives " + std::to_string(out) + " windows, the gradient or taps have " +
             std::to_string(main[SpatialAxis(spec, i)]) +
             ". Received shape=" + ShapeText(main);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool at_outputs = roles[i] == Role::kTaps || roles[i] == Role::kY;
    if (roles[i] != Role::kX && !at_outputs) continue;
    const std::vector<int64_t>& wanted = at_outputs ? windows : positions;
    if (inputs[i].shape == wanted) continue;
    return NameOf(roles[i]) + (" must have the shape " + ShapeText(wanted)) +
           ". Received shape=" + ShapeText(inputs[i].shape);
  }
  shapes->output = op.outputs[0] == Role::kDx ? positions : windows;
  return "";
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ",";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

TapType TapTypeOf(ElementType type) {
  if (type == ElementType::kUint8) return TapType::kUint8;
  return type == ElementType::kInt32 ? TapType::kInt32 : TapType::kNone;
}

}  // namespace keras_pooling
