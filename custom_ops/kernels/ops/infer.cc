#include "kernels/ops/infer.h"

#include <algorithm>

#include "kernels/spec/geometry.h"
#include "kernels/spec/integers.h"
#include "kernels/spec/region_draw.h"
#include "kernels/spec/text.h"

namespace keras_pooling {
namespace {

bool IsAtInputs(Role role) { return role == Role::kX || role == Role::kDx; }
bool IsAtOutputs(Role role) {
  return role == Role::kY || role == Role::kDy || role == Role::kTaps ||
         role == Role::kIndices || role == Role::kParameterGradient;
}

std::string Received(const Array& array) {
  return ". Received shape=" + (array.has_shape ? ListText(array.shape) : "unknown") +
         (array.has_type ? std::string(", dtype=") + NameOf(array.type) : "");
}

bool MayBeIntegers(const Array& array) {
  return !array.has_type || array.type == ElementType::kInt64 ||
         array.type == ElementType::kInt32;
}

// Whether there are values to read. Where shapes are inferred, data of an unknown type
// or shape is not.
bool HasValues(const Array& array) {
  const Shape& shape = array.shape;
  return array.data != nullptr && array.has_type && array.has_shape &&
         std::find(shape.begin(), shape.end(), kUnknown) == shape.end();
}

// A vector of `count` integers; `what` says what they are.
std::string CheckIntegers(Role role, const Array& array, int64_t count,
                          const std::string& what) {
  const bool fits =
      !array.has_shape || (array.shape.size() == 1 &&
                           (array.shape[0] == count || array.shape[0] == kUnknown));
  if (MayBeIntegers(array) && fits) return "";
  return std::string(NameOf(role)) + " must hold " + what + " as int64 or int32" +
         Received(array);
}

// Makes `known` of what two shapes of one tensor tell. False if they disagree.
bool Merge(const Array& array, Shape* known) {
  if (!array.has_shape) return true;
  if (array.shape.size() != known->size()) return false;
  for (size_t i = 0; i < known->size(); ++i) {
    int64_t& size = (*known)[i];
    if (size == kUnknown) size = array.shape[i];
    if (array.shape[i] != kUnknown && array.shape[i] != size) return false;
  }
  return true;
}

// Sets the number of regions along axis `i`. As many rows for every axis.
std::string ReadRegions(const Array& array, int i, int64_t* rows, PoolSpec* spec) {
  Shape shape = {*rows, kUnknown};
  if (!MayBeIntegers(array) || !Merge(array, &shape) ||
      (shape[1] != kUnknown && shape[1] < 2)) {
    return "regions must be edges of shape (rows, regions + 1), as int64 or int32, "
           "with "
           "as many rows for every axis" +
           Received(array);
  }
  *rows = shape[0];
  spec->axes[static_cast<size_t>(i)].window =
      shape[1] == kUnknown ? kUnknown : shape[1] - 1;
  return "";
}

// `least` is kUnknown where sizes may be that.
std::string ReadSize(const Array& array, int64_t least, Shape* sizes) {
  const auto rank = static_cast<int64_t>(sizes->size());
  const std::string error = CheckIntegers(
      Role::kSize, array, rank,
      "the input's " + std::to_string(rank) + " spatial size" + (rank > 1 ? "s" : ""));
  if (!error.empty() || !HasValues(array)) return error;
  *sizes = IntegersOf(array);
  if (*std::min_element(sizes->begin(), sizes->end()) >= least) return "";
  return "size must not be negative. Received size=" + ListText(*sizes);
}

// Tensors that no memory holds are refused before anyone plans for them.
std::string CheckBytes(const Shape& shape) {
  int64_t bytes = 8;  // of the largest element
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return "";
  for (const int64_t size : shape) {
    if (size == kUnknown || Multiply(bytes, size, &bytes)) continue;
    return "a tensor of shape " + ListText(shape) + " exceeds 2^63 bytes";
  }
  return "";
}

std::string CheckRank(Role role, const Array& array, size_t rank) {
  if (!array.has_shape || array.shape.size() == rank) return "";
  return std::string("expected ") + NameOf(role) + " of rank " + std::to_string(rank) +
         Received(array);
}

// Every tensor over positions agrees with the others: makes `positions` and `windows`,
// the shapes over input and output positions, of what all of them tell, and of these
// the shapes of the outputs.
std::string MergeShapes(const BoundOp& op, const std::vector<Role>& roles,
                        const std::vector<Array>& inputs, Shape* positions,
                        Shape* windows, OpShapes* shapes) {
  for (size_t i = 0; i < roles.size(); ++i) {
    if (!IsAtInputs(roles[i]) && !IsAtOutputs(roles[i])) continue;
    Shape* const wanted = IsAtInputs(roles[i]) ? positions : windows;
    const Shape before = *wanted;
    if (!Merge(inputs[i], wanted)) {
      return NameOf(roles[i]) + (" must have the shape " + ListText(before)) +
             Received(inputs[i]);
    }
    for (const size_t axis : {size_t{0}, op.spec.ChannelAxis()}) {
      (IsAtInputs(roles[i]) ? *windows : *positions)[axis] = (*wanted)[axis];
    }
  }
  shapes->batch = (*positions)[0];
  shapes->channels = (*positions)[op.spec.ChannelAxis()];
  for (const Shape* shape : {positions, windows}) {
    const std::string error = CheckBytes(*shape);
    if (!error.empty()) return error;
  }
  for (const Role role : op.op->outputs) {
    shapes->outputs.push_back(IsAtInputs(role) ? *positions : *windows);
  }
  return "";
}

}  // namespace

const char* NameOf(Role role) {
  constexpr const char* kNames[] = {
      "x",       "dx",   "y",    "dy",        "taps",
      "indices", "size", "seed", "parameter", "gradient of the parameter",
      "regions", "draw", "edges"};
  return kNames[static_cast<int>(role)];
}

std::vector<int64_t> IntegersOf(const Array& array) {
  int64_t count = 1;
  for (const int64_t size : array.shape) count *= size;
  if (array.type == ElementType::kInt64) {
    const auto* values = static_cast<const int64_t*>(array.data);
    return {values, values + count};
  }
  const auto* values = static_cast<const int32_t*>(array.data);
  return {values, values + count};
}

std::string InferPool(const BoundOp& op, const std::vector<Array>& inputs,
                      OpShapes* shapes) {
  const std::vector<Role> roles = op.InputRoles();
  const PoolSpec& spec = shapes->spec = op.spec;
  const int rank = spec.rank();
  shapes->sizes.assign(static_cast<size_t>(rank), kUnknown);

  // Tensors that are not over positions.
  const Array& main = inputs[0];
  bool has_size = false;
  int64_t rows = kUnknown;
  int axes_of_regions = 0;
  for (size_t i = 0; i < roles.size(); ++i) {
    std::string error;
    if (roles[i] == Role::kSize) {
      has_size = true;
      error = ReadSize(inputs[i], main.data == nullptr ? kUnknown : 0, &shapes->sizes);
    } else if (roles[i] == Role::kRegions) {
      error = ReadRegions(inputs[i], axes_of_regions++, &rows, &shapes->spec);
    } else if (roles[i] == Role::kSeed) {
      error = CheckIntegers(Role::kSeed, inputs[i], 2, "two words");
    }
    if (!error.empty()) return error;
  }

  // The first input tells batch and channels; the sizes too, where none are given.
  const auto full_rank = static_cast<size_t>(rank) + 2;
  const std::string misfit = CheckRank(roles[0], main, full_rank);
  if (!misfit.empty()) return misfit;
  const Shape unknown(full_rank, kUnknown);
  const Shape& given = main.has_shape ? main.shape : unknown;
  if (!has_size) {
    const auto first = given.begin() + static_cast<int64_t>(spec.SpatialAxis(0));
    shapes->sizes.assign(first, first + rank);
  }
  Shape positions = unknown;  // shapes over input and output positions
  positions[0] = given[0];
  positions[spec.ChannelAxis()] = given[spec.ChannelAxis()];
  Shape windows = positions;
  for (int i = 0; i < rank; ++i) {
    const int64_t in = shapes->sizes[static_cast<size_t>(i)];
    positions[spec.SpatialAxis(i)] = in;
    int64_t& out = windows[spec.SpatialAxis(i)];
    const std::string error = OutputSize(spec, i, in, &out);
    if (!error.empty()) return error;
    // Also what keeps a forged size from planning more windows than memory holds.
    const int64_t told = given[spec.SpatialAxis(i)];
    if (has_size && out != kUnknown && told != kUnknown && out != told) {
      return "spatial axis " + std::to_string(i) + " of size " + std::to_string(in) +
             " gives " + std::to_string(out) + " windows, " + NameOf(roles[0]) +
             " has " + std::to_string(told) + Received(main);
    }
  }

  // A parameter is one number, or one per channel.
  for (size_t i = 0; i < roles.size(); ++i) {
    if (roles[i] != Role::kParameter || !inputs[i].has_shape) continue;
    const int64_t channels = given[spec.ChannelAxis()];
    const Shape& shape = inputs[i].shape;
    const int64_t count = shape.size() == 1 ? shape[0] : 1;
    if (shape.size() <= 1 && (count == 1 || count == kUnknown || channels == kUnknown ||
                              count == channels)) {
      continue;
    }
    return "parameter must hold one number, or one per channel" + Received(inputs[i]);
  }

  return MergeShapes(op, roles, inputs, &positions, &windows, shapes);
}

std::string InferUnpool(const BoundOp& op, const std::vector<Array>& inputs,
                        OpShapes* shapes) {
  const std::vector<Role> roles = op.InputRoles();
  const PoolSpec& spec = shapes->spec = op.spec;
  const auto rank = static_cast<size_t>(spec.rank());
  shapes->sizes.assign(rank, kUnknown);
  Shape positions(rank + 2, kUnknown);
  Shape windows = positions;
  for (size_t i = 0; i < roles.size(); ++i) {
    const int64_t least = inputs[0].data == nullptr ? kUnknown : 0;
    const std::string error = roles[i] == Role::kSize
                                  ? ReadSize(inputs[i], least, &shapes->sizes)
                                  : CheckRank(roles[i], inputs[i], rank + 2);
    if (!error.empty()) return error;
  }
  const auto first = positions.begin() + static_cast<int64_t>(spec.SpatialAxis(0));
  std::copy(shapes->sizes.begin(), shapes->sizes.end(), first);
  const std::string error =
      MergeShapes(op, roles, inputs, &positions, &windows, shapes);
  // Without a tensor of sizes, a gradient's input tells them.
  shapes->sizes.assign(first, first + static_cast<int64_t>(rank));
  return error;
}

std::string InferEdges(const BoundOp& op, const std::vector<Array>& inputs,
                       OpShapes* shapes) {
  shapes->spec = op.spec;
  std::string error = CheckIntegers(Role::kSeed, inputs[0], 2, "two words");
  if (error.empty()) {
    error = CheckIntegers(Role::kDraw, inputs[1], 3, "size, count and rows");
  }
  if (!error.empty()) return error;
  Shape edges = {kUnknown, kUnknown};
  if (HasValues(inputs[1])) {
    const std::vector<int64_t> values = IntegersOf(inputs[1]);
    // In a graph some may be unknown; where the op runs, all tensors have data.
    const bool is_graph = inputs[0].data == nullptr;
    if (is_graph && std::find(values.begin(), values.end(), kUnknown) != values.end()) {
      shapes->outputs.push_back(edges);
      return "";
    }
    error = CheckDraw({values[0], values[1], values[2]});
    if (!error.empty()) return error;
    edges = {values[2], values[1] + 1};
  }
  shapes->outputs.push_back(edges);
  return CheckBytes(edges);
}

}  // namespace keras_pooling
